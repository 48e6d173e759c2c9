package verifier

// timer draws the snapshots of a sensor: the first of a run at once, the second
// when the timer's own phase comes, then one each interval. One that is due
// while the capture is stalled is taken when that is over.
func (d *simDraw) timer(sensor int, last int64) {
	f := &d.h.sensors[sensor]
	idle := d.one(4) // too few events for a timer to be on time
	began := int64(0)
	for i := 0; i <= len(d.down[sensor]); i++ {
		ends := last
		if i < len(d.down[sensor]) {
			ends = d.down[sensor][i].at
		}
		first := began + d.between(simMilli, 50*simMilli)
		d.snapshot(sensor, first, ends)
		d.second(sensor, first, ends)
		tick := began + d.between(f.interval/20, f.interval)
		taken := int64(0)
		for ; tick < ends; tick += f.interval {
			at := tick + d.between(0, 20*simMilli)
			if idle && d.one(3) {
				at += d.between(0, f.interval*3/10)
			}
			d.second(sensor, at, ends)
			if until := d.stalled(sensor, at); until > 0 {
				at = until + d.between(simMilli/10, 5*simMilli)
			}
			if at <= taken+simMilli {
				continue
			}
			taken = at
			d.snapshot(sensor, at, ends)
		}
		if i < len(d.down[sensor]) {
			began = ends + d.down[sensor][i].span
		}
	}
}

// stalled is until when the capture of a sensor is stalled at a time, or 0.
func (d *simDraw) stalled(sensor int, at int64) (until int64) {
	for i := range d.h.ops {
		op := &d.h.ops[i]
		if op.what == simStall && int(op.sensor) == sensor && op.at <= at && at < op.at+op.span {
			until = max(until, op.at+op.span)
		}
	}
	return until
}

// second draws the snapshot of the second event source, which no stall of the
// capture delays.
func (d *simDraw) second(sensor int, at, ends int64) {
	if at += d.between(0, 30*simMilli); d.h.sensors[sensor].audit && at < ends {
		d.h.ops = append(d.h.ops, simOp{
			what: simSnapshot, at: at, sensor: uint8(sensor), luck: d.Uint64() | 1, lag: d.between(simMilli/20, simMilli/3), n: 1, calm: at > d.h.settled,
		})
	}
}

// snapshot draws one. Now and then it takes its time to the queue, and is
// overtaken by the alerts that are raised meanwhile.
func (d *simDraw) snapshot(sensor int, at, ends int64) {
	if at >= ends {
		return
	}
	op := simOp{what: simSnapshot, at: at, sensor: uint8(sensor), luck: d.Uint64() | 1, lag: d.between(simMilli/20, simMilli/3)}
	calm := at > d.h.settled
	// In a time that must pass no two in a row may be late.
	if late := d.one(7); late && (!calm || d.busy && (at/d.h.sensors[sensor].interval)%3 == 0) {
		op.lag = d.between(simMilli, 20*simMilli)
	}
	op.calm = calm
	if d.knots && sensor == 0 && !calm && !d.one(3) {
		op.lag = d.between(4*simMilli, 20*simMilli)
		for range 1 + d.IntN(2) {
			e := simOp{what: simEvent, at: at + d.between(0, op.lag+2*simMilli), lag: d.between(0, 12*simMilli), luck: d.Uint64() | 1, rule: d.knot, space: d.space()}
			if d.one(4) {
				e.rule = uint8(d.IntN(d.h.sensors[0].rules))
			}
			d.h.ops = append(d.h.ops, e)
		}
	}
	d.h.ops = append(d.h.ops, op)
	if d.knots && sensor == 0 && !calm && d.one(8) {
		// One that happened before the snapshot, is counted after it, and gets lost.
		e := simOp{what: simEvent, at: at + d.between(simMilli, 10*simMilli), lag: 20 * simMilli, rule: d.knot}
		loss := simOp{what: simReader, at: e.at - simMilli/20, span: simMilli / 10, share: 100}
		d.h.ops = append(d.h.ops, e, loss)
	}
}

// lag draws how long the engine takes to an event.
func (d *simDraw) lag() int64 {
	if d.one(20) {
		return d.between(0, 20*simMilli)
	}
	return d.between(simMilli/10, 2*simMilli)
}

// space draws where an event happens.
func (d *simDraw) space() uint8 {
	switch {
	case d.rare > 0 && d.one(d.rare):
		return 0
	case d.odd && d.one(10):
		return simNowhere
	case d.h.spaces == 1 || d.one(6):
		return simHost
	}
	return uint8(1 + d.IntN(d.h.spaces-1))
}

// events draws the events of a sensor: calm spells, bursts, and spells that are
// never quiet.
func (d *simDraw) events(sensor int, last int64, busy bool) {
	at := int64(0)
	style := d.IntN(6) // 0 to 2: calm only; 5: busy
	for at < last {
		calm := at > d.h.settled
		var until, pause int64 // the spell's end, and twice the mean distance
		switch kind := d.IntN(6); {
		case calm && busy:
			until, pause = last, 200*simMilli
		case calm:
			until, pause = last, d.between(8, 60)*simSecond
		case kind == 0 && style >= 3 || kind < 3 && style == 5:
			until = at + d.between(simSecond/5, simPick(d, simSecond, 2*simSecond, 3*d.h.sensors[sensor].interval/2))
			pause = d.between(6, 30) * simMilli
			if until-at > 60*pause {
				pause = (until - at) / 60
			}
		case kind == 1 && style >= 3:
			until, pause = at+d.between(2*simSecond, 4*d.h.sensors[sensor].interval), d.between(150, 260)*simMilli
			if until-at > 40*pause {
				until = at + 40*pause
			}
		default:
			until, pause = at+d.between(3*simSecond, 20*simSecond), d.between(2, 16)*simSecond
		}
		d.spell(sensor, at, min(until, last), pause, calm)
		at = until
	}
}

// spell draws events at random from a time up to another.
func (d *simDraw) spell(sensor int, from, to, pause int64, calm bool) {
	f := &d.h.sensors[sensor]
	only := -1
	if d.one(3) {
		only = d.IntN(f.rules) // as when one process does the same over and over
	}
	for at := from + d.between(0, pause); at < to; at += 1 + d.between(0, pause) {
		op := simOp{what: simEvent, at: at, lag: d.lag(), sensor: uint8(sensor), luck: d.Uint64() | 1, space: d.space(), calm: calm}
		if op.rule = uint8(d.IntN(f.rules)); only >= 0 && !d.one(8) {
			op.rule = uint8(only)
		}
		if calm && op.space != simHost {
			if op.space = 1; d.h.spaces == 1 {
				op.space = simHost
			}
		}
		d.h.ops = append(d.h.ops, op)
	}
}
