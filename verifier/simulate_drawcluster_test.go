package verifier

import (
	"math"
	"math/rand/v2"
	"time"
)

// cluster draws, for one history in three, the pods in which things happen and the
// watchers that tell of them. It has luck of its own, so that the other histories are
// what they would be without it.
func (d *simDraw) cluster(last int64) {
	h := d.h
	d.Rand = rand.New(rand.NewPCG(h.seed, 0x706f6473))
	if !d.one(3) {
		return
	}
	h.watchers, h.nameless = simPick(d, 1, 1, 2), d.one(2)
	h.relist = 40 * simSecond
	if h.limits.Retention > 0 {
		h.relist = min(h.relist, int64(h.limits.Retention)/4)
	}
	for space := range h.spaces {
		for sensor := range h.sensors {
			if !d.one(4) {
				d.pods(uint8(space), uint8(sensor), last)
			}
		}
	}
	d.steady(last)
	for i := range h.watchers {
		d.ticks(i, last)
		for range d.IntN(3) {
			d.watchFault(i)
		}
	}
}

// pods draws the pods of a space on a node, one after the other.
func (d *simDraw) pods(space, sensor uint8, last int64) {
	at := simPick(d, 0, 0, d.between(0, d.end))
	for at < last && !d.one(6) {
		p := d.pod(space, sensor, at)
		if p.to = at + d.between(simSecond/2, simPick(d, 5*simSecond, 40*simSecond, 200*simSecond)); p.to < last {
			p.gone = p.to + d.between(0, 2*simSecond)
		} else {
			p.to = math.MaxInt64
		}
		if p.reported > p.to {
			p.reported = math.MaxInt64 // nobody reports it any more
		}
		d.h.pods = append(d.h.pods, p)
		if p.to == math.MaxInt64 {
			return
		}
		at = p.gone + simPick(d, 0, d.between(0, 10*simSecond), d.between(0, 60*simSecond))
	}
}

// pod draws one that was placed at a time. One in ten never starts.
func (d *simDraw) pod(space, sensor uint8, at int64) simPod {
	p := simPod{space: space, sensor: sensor, name: uint8(d.IntN(2)), from: at, to: math.MaxInt64, gone: math.MaxInt64}
	p.started = at + d.between(simSecond/10, 3*simSecond)
	p.reported = p.started + d.between(simSecond/10, 2*simSecond)
	if d.one(10) {
		p.started, p.reported = math.MaxInt64, math.MaxInt64
	}
	return p
}

// steady is a pod of the namespace that is asked about at last, which nothing happens
// to.
func (d *simDraw) steady(last int64) {
	p := d.pod(0, uint8(d.IntN(len(d.h.sensors))), max(0, d.h.settled-2*simSecond))
	p.started = p.from + simSecond
	p.reported = p.started + simSecond
	d.h.pods = append(d.h.pods, p)
}

// ticks draws when a watcher looks at what has changed. With the first one after the
// last fault it begins anew.
func (d *simDraw) ticks(watcher int, last int64) {
	begins := simPick(d, 0, 0, 0, d.between(0, d.end/2))
	settled := false
	for at := begins + d.between(simMilli, simSecond); at <= last; at += d.between(simSecond, simIf(at > d.h.settled, 2*simSecond, 5*simSecond)) {
		op := simOp{what: simWatch, at: at, sensor: uint8(watcher), luck: d.Uint64() | 1, calm: at > d.h.settled}
		if op.calm && !settled {
			op.n, settled = 1, true
		}
		d.h.ops = append(d.h.ops, op)
	}
}

// watchFault draws what goes wrong with a watcher before all must be well again.
func (d *simDraw) watchFault(watcher int) {
	op := simOp{at: d.between(d.end/20, d.end*17/20), sensor: uint8(watcher), luck: d.Uint64(), share: simPick[uint8](d, 100, 50, 10)}
	op.what = simPick(d, simWatchAway, simWatchAway, simWatchLag, simWatchLoss)
	op.span = min(d.between(simSecond, 30*simSecond), d.h.settled-op.at-simSecond)
	if op.span <= 0 {
		return
	}
	d.h.ops = append(d.h.ops, op)
	if op.what == simWatchLag {
		op.n = 1 // it is over
		op.at += op.span
		d.h.ops = append(d.h.ops, op)
	}
}

// simSecondOf is an instant as the API tells it: in whole seconds, rounded down.
func simSecondOf(at int64) time.Time { return simTime(at).Truncate(time.Second) }
