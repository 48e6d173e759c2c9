package verifier

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// simDraw draws a history.
type simDraw struct {
	*rand.Rand
	h     *simHistory
	end   int64     // of the time in which things go wrong
	down  [][]simOp // restarts and reloads of each sensor, in order
	knots bool      // alerts of one rule come just when snapshots are taken
	knot  uint8
	busy  bool // the time after the last fault has a sensor that is never quiet
	rare  int  // of how many events one is in the namespace that is asked about most
	odd   bool // some events have no namespace
	wrong int  // how many of the first operations are faults and their victims
}

// simHistoryOf draws the history of a seed.
func simHistoryOf(seed uint64) *simHistory {
	h := &simHistory{seed: seed, ops: make([]simOp, 0, 512)}
	d := &simDraw{Rand: rand.New(rand.NewPCG(seed, 0x66616c636f)), h: h}
	d.setup()
	d.faults()
	d.wrong = len(h.ops)
	d.cluster(d.workload())
	d.sort()
	return h
}

// sort brings the operations into the order of time; of two at one time the first
// drawn comes first.
func (d *simDraw) sort() {
	type key struct {
		at int64
		i  int
	}
	keys := make([]key, len(d.h.ops))
	for i := range keys {
		keys[i] = key{d.h.ops[i].at, i}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.i, b.i)) })
	ops := make([]simOp, len(keys))
	for i, k := range keys {
		ops[i] = d.h.ops[k.i]
	}
	d.h.ops = ops
}

// one reports whether a thing happens that happens once in n times.
func (d *simDraw) one(n int) bool { return d.IntN(n) == 0 }

// between draws a time from [from, to).
func (d *simDraw) between(from, to int64) int64 { return from + d.Int64N(max(to-from, 1)) }

// simPick draws one of a list.
func simPick[T any](d *simDraw, list ...T) T { return list[d.IntN(len(list))] }

// simIf is one value or another.
func simIf[T any](condition bool, then, otherwise T) T {
	if condition {
		return then
	}
	return otherwise
}

// setup draws the Falcos and what falcogate is set up with.
func (d *simDraw) setup() {
	h := d.h
	h.sensors = make([]simSetup, simPick(d, 1, 1, 1, 2, 2, 3))
	h.spaces = 1 + d.IntN(len(simSpaces))
	for i := range h.prio {
		h.prio[i] = simPick(d, correlate.Critical, correlate.Error, correlate.Warning, correlate.Warning, correlate.Notice)
	}
	var longest int64
	interval := d.between(1, 11) * simSecond
	for i := range h.sensors {
		f := &h.sensors[i]
		f.interval = interval
		if d.one(3) {
			f.interval = d.between(simSecond, 10*simSecond)
		}
		f.rules = 2 + d.IntN(simRules-1)
		f.http, f.audit = d.one(2), d.one(12)
		f.way = simPick(d, simMilli, 4*simMilli, 50*simMilli)
		if d.one(6) {
			f.offset = simPick[int64](d, 1, -1) * d.between(0, simPick(d, 2*simSecond, 2*simSecond, 8*simSecond))
		}
		if d.one(40) {
			f.slew = d.between(-20_000, 20_000)
		}
		f.noEmpty, f.noRules, f.noKernel, f.noRun = d.one(6), d.one(12), d.one(20), d.one(40)
		f.neverSent = d.one(40)
		longest = max(longest, f.interval)
	}
	switch d.IntN(8) {
	case 0:
		h.limits.Retention = time.Duration(d.between(30*simSecond, 300*simSecond))
	case 1:
		h.limits.MaxBytes = d.between(1500, 12_000)
	}
	if d.one(50) {
		h.most = 1
	}
	d.knots, d.knot = d.one(5), uint8(d.IntN(h.sensors[0].rules))
	d.end = longest * d.between(8, 22)
	d.down = make([][]simOp, len(h.sensors))
	d.rare = simPick(d, 0, 0, 40, 8)
	d.odd = d.one(20)
}

// workload draws what happens whether things go wrong or not, and what is asked.
func (d *simDraw) workload() (last int64) {
	h := d.h
	calm, last := d.calm()
	for i := range h.sensors {
		d.timer(i, last)
		d.events(i, last, calm && d.busy && i == 0)
	}
	for range 2 + d.IntN(3) {
		d.question(d.between(d.end/4, d.end+h.sensors[0].interval))
	}
	d.question(d.end + 2*h.sensors[0].interval)
	if calm {
		d.mustPass(last)
	}
	return last
}

// calm says whether the history goes on after the last fault until all must be
// well again, and when it ends.
func (d *simDraw) calm() (calm bool, last int64) {
	h := d.h
	h.settled = d.end
	for i := range h.ops {
		h.settled = max(h.settled, h.ops[i].at+h.ops[i].span)
	}
	h.settled += 2 * simSwapped
	var longest int64
	stepped := false
	for i := range h.sensors {
		longest = max(longest, h.sensors[i].interval)
		stepped = stepped || h.sensors[i].stepped
	}
	last = d.end + 3*longest
	if stepped && !d.one(24) || !d.one(4) {
		return false, last
	}
	healing := 10*longest + 30*simSecond
	if stepped {
		healing += int64(80 * time.Minute) // an hour, and two of the spans that clocks are judged by
	}
	last = h.settled + healing + simCalmWindow + 3*longest + 6*simSecond
	if d.busy = !stepped && d.one(12); d.busy {
		last += 3 * longest
	}
	if h.limits.Retention > 0 && int64(h.limits.Retention) < last-h.settled {
		h.limits.Retention = time.Duration(last)
	}
	return true, last
}

// simCalmWindow is how long the window is that must pass at last.
const simCalmWindow = 10 * simSecond

// mustPass asks at last about a window that nothing has gone wrong near.
func (d *simDraw) mustPass(last int64) {
	h := d.h
	var longest int64
	for i := range h.sensors {
		longest = max(longest, h.sensors[i].interval)
	}
	end := last - 3*longest - 4*simSecond
	if d.busy {
		end -= 3 * longest
	}
	a := simAsk{start: end - simCalmWindow, end: end, severity: correlate.Debug, evidence: Accounted, skew: 2 * simSecond, sensor: -1, rule: -1, require: -1, must: true}
	for i := range h.sensors {
		if h.sensors[i].noRules {
			a.evidence = Heard
		}
	}
	h.asks = append(h.asks, a)
	h.ops = append(h.ops, simOp{at: last, what: simQuestion, n: int32(len(h.asks) - 1), calm: true, luck: d.Uint64(), m: 2})
}

// question draws one about the time before at.
func (d *simDraw) question(at int64) {
	h := d.h
	a := simAsk{
		space: 0, severity: simPick(d, correlate.Warning, correlate.Debug, correlate.Critical), evidence: Accounted,
		skew: simPick(d, 2*simSecond, 2*simSecond, simSecond/10), host: HostReport, sensor: -1, rule: -1, require: -1,
	}
	if d.one(4) {
		a.space = uint8(d.IntN(h.spaces))
	}
	switch d.IntN(12) {
	case 0, 1, 2:
		a.evidence = Heard
	case 3:
		a.evidence = None
	}
	a.end = at - simPick(d, 0, d.between(0, at/2), d.between(0, at))
	if snap := &h.ops[d.IntN(len(h.ops))]; snap.what == simSnapshot && snap.at < at && d.one(2) {
		// As late as the snapshot that follows the settling margin allows.
		a.end = max(snap.at-simSecond+d.between(-30, 30)*simMilli, simSecond)
		if d.one(2) {
			at = min(at, snap.at+d.between(simMilli, h.sensors[0].interval))
		}
	}
	a.start = a.end - d.between(simSecond/2, simPick(d, 8*simSecond, 60*simSecond))
	if d.wrong > 0 && d.one(2) {
		// Around a fault.
		fault := &h.ops[d.IntN(d.wrong)]
		if start := fault.at - d.between(0, 5*simSecond); start < at {
			a.start = start
			a.end = min(at, fault.at+fault.span+d.between(simSecond, 12*simSecond))
		}
	}
	a.end = max(a.end, a.start+simMilli)
	if a.end > at {
		a.start, a.end = a.start-(a.end-at), at
	}
	a.listed = d.one(4)
	a.absent = a.listed && d.one(10)
	switch d.IntN(16) {
	case 0:
		a.sensor = int8(d.IntN(len(h.sensors)))
	case 1:
		a.rule = int8(d.IntN(simRules))
	case 2:
		a.require = int8(d.IntN(2))
	case 3:
		a.host = simPick(d, HostFail, HostInconclusive)
	case 4:
		a.ratio = 1
	}
	h.asks = append(h.asks, a)
	h.ops = append(h.ops, simOp{at: at, what: simQuestion, n: int32(len(h.asks) - 1), luck: d.Uint64(), m: 3})
}
