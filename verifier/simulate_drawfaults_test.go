package verifier

// faults draws what goes wrong.
func (d *simDraw) faults() {
	for range simIf(d.knots, 1+d.IntN(4), 0) {
		d.snag()
	}
	n := simPick(d, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4)
	for range n {
		d.fault()
	}
}

// snag draws the loss of one alert of the rule that comes with the snapshots, or
// something that may make up for it.
func (d *simDraw) snag() {
	op := simOp{at: d.between(d.end/10, d.end), what: simReader, span: d.between(simMilli, simSecond/2), share: 100, rule: d.knot, luck: d.Uint64()}
	switch d.IntN(8) {
	case 0:
		op.what, op.n = simAgain, int32(d.IntN(4))
	case 1:
		op.what = simForge
		op.space = d.space()
	case 2:
		op.what, op.n = simSwap, 1+int32(d.IntN(3))
	default:
		d.h.ops = append(d.h.ops, simOp{what: simEvent, at: op.at + op.span/2, lag: d.lag(), rule: d.knot})
	}
	d.h.ops = append(d.h.ops, op)
}

// fault draws one fault with its victims: events that it strikes for sure.
func (d *simDraw) fault() {
	h := d.h
	sensor := d.IntN(len(h.sensors))
	f := &h.sensors[sensor]
	at := d.between(d.end/20, d.end*17/20)
	op := simOp{at: at, sensor: uint8(sensor), luck: d.Uint64(), share: simPick[uint8](d, 100, 100, 50, 20)}
	op.what = simPick(d, simReader, simReader, simReader, simDown, simDown, simOverflow, simKernel, simKernel, simRestart, simRestart,
		simReload, simStall, simClock, simOutage, simOutage, simGarble, simSwap, simAgain, simForge, simCrash, simCrash)
	switch op.what {
	case simReader:
		op.span = d.between(simSecond/2, 4*f.interval)
	case simDown:
		op.span, f.http = d.between(simSecond/5, 2*f.interval), true
	case simOverflow:
		op.span = d.between(simSecond/10, f.interval)
	case simKernel:
		op.span, op.m = d.between(simSecond/10, f.interval), int32(d.IntN(3)/2)
	case simRestart:
		op.span = d.between(simSecond, 11*simSecond)
		if d.one(3) {
			op.span = d.between(2*f.interval, 8*f.interval)
		}
		d.ending(sensor, op)
	case simReload:
		op.span = d.between(4*simSecond/10, 3*simSecond)
		op.n, op.m = int32(d.IntN(2)), max(0, int32(d.IntN(8))-3)
		d.ending(sensor, op)
	case simStall:
		op.span, op.m = d.between(f.interval/5, 6*f.interval), int32(d.IntN(4)/3)
	case simClock:
		d.clock(f, op)
		return
	case simOutage:
		d.outage(op)
	case simGarble:
		op.span, op.n = d.between(simSecond/10, 2*f.interval), int32(d.IntN(3))
	case simSwap:
		for range 1 + d.IntN(3) {
			op.n = 1 + int32(d.IntN(5))
			h.ops = append(h.ops, op)
			op.at += d.between(0, f.interval)
		}
		return
	case simAgain:
		for range 1 + d.IntN(4) {
			op.n = int32(d.IntN(simPick(d, 3, 50, 500)))
			h.ops = append(h.ops, op)
			op.at += d.between(0, f.interval)
		}
		return
	case simForge:
		for range 1 + d.IntN(2) {
			op.rule, op.space = uint8(d.IntN(f.rules)), d.space()
			h.ops = append(h.ops, op)
			op.at += d.between(0, f.interval)
		}
		return
	case simCrash:
		d.crash(op)
		return
	}
	h.ops = append(h.ops, op)
	d.victims(op)
}

// victims draws events that a fault strikes.
func (d *simDraw) victims(fault simOp) {
	f := &d.h.sensors[fault.sensor]
	rule := uint8(d.IntN(f.rules))
	for range d.IntN(3) {
		op := simOp{what: simEvent, at: d.between(fault.at, fault.at+fault.span), lag: d.lag(), sensor: fault.sensor, rule: rule}
		if d.one(3) {
			op.luck = d.Uint64()
		}
		d.h.ops = append(d.h.ops, op)
	}
}

// ending notes when a run of the engine ends, for its timer.
func (d *simDraw) ending(sensor int, op simOp) {
	i := 0
	for i < len(d.down[sensor]) && d.down[sensor][i].at < op.at {
		i++
	}
	d.down[sensor] = append(d.down[sensor], simOp{})
	copy(d.down[sensor][i+1:], d.down[sensor][i:])
	d.down[sensor][i] = op
}

// clock draws a clock that is set, and set right again at last.
func (d *simDraw) clock(f *simSetup, op simOp) {
	f.stepped = true
	right := f.offset
	if max(right, -right) > 2*simSecond {
		right = 0
	}
	for range 1 + d.IntN(2) {
		op.lag = simPick[int64](d, 1, -1) * d.between(0, simPick(d, 2*simSecond, 10*simSecond, 10*simSecond, 3600*simSecond))
		d.h.ops = append(d.h.ops, op)
		op.at += d.between(simSecond, d.end/2)
	}
	op.at, op.lag = max(op.at, d.end*17/20), right
	d.h.ops = append(d.h.ops, op)
}

// outage draws a time in which messages are held: of one sensor in its queue,
// or of all.
func (d *simDraw) outage(op simOp) {
	h := d.h
	op.span, op.n = d.between(simSecond/2, 5*h.sensors[op.sensor].interval), int32(d.IntN(2))
	if d.one(2) {
		return
	}
	for i := range h.sensors {
		if i != int(op.sensor) {
			other := op
			other.sensor = uint8(i)
			h.ops = append(h.ops, other)
		}
	}
}

// crash draws an end of falcogate and what its log has lost then.
func (d *simDraw) crash(op simOp) {
	h := d.h
	switch d.IntN(6) {
	case 0, 1, 2:
		op.n = int32(d.IntN(simPick(d, 3, 10, 60)))
	case 3:
		op.m = int32(d.IntN(simPick(d, 10, 100)))
	case 4:
		op.k = int32(d.IntN(10))
	}
	h.ops = append(h.ops, op)
	if d.one(2) {
		away := simOp{at: op.at, what: simOutage, span: d.between(simSecond/10, 10*simSecond), luck: d.Uint64()}
		for i := range h.sensors {
			away.sensor = uint8(i)
			if h.sensors[i].http && d.one(2) {
				away.what = simDown
			}
			h.ops = append(h.ops, away)
		}
	}
}
