package verifier

import "slices"

// shrink takes operations out of a history for as long as the same check still
// fails (ddmin), and returns what is left. Of a history that should have come to
// a pass at last, the time after the last fault stays as it is.
func (s *simulation) shrink(h *simHistory, check string) (*simHistory, *simFinding) {
	fixed := func(op *simOp) bool { return check == "stuck" && op.calm && op.what != simEvent }
	fails := func(ops []simOp) *simFinding {
		smaller := *h
		smaller.ops = ops
		if found := s.play(&smaller); found != nil && found.check == check {
			return found
		}
		return nil
	}
	ops := slices.Clone(h.ops)
	found := fails(ops)
	if found == nil {
		return h, nil // not so when played again
	}
	ops = ops[:min(found.op+1, len(ops))]
	for size := len(ops) / 2; size > 0; size /= 2 {
		for again := true; again; {
			again = false
			for from := len(ops) - size; from > -size; from -= size {
				lo, hi := max(from, 0), min(from+size, len(ops))
				if lo >= hi || slices.ContainsFunc(ops[lo:hi], func(o simOp) bool { return fixed(&o) }) {
					continue
				}
				fewer := slices.Concat(ops[:lo], ops[hi:])
				if f := fails(fewer); f != nil {
					ops, found, again = fewer, f, size == 1
				}
			}
		}
	}
	for _, f := range []func(*simOp){
		func(o *simOp) { o.lag = 0 }, func(o *simOp) { o.rule = 0 }, func(o *simOp) { o.share = 100 },
		func(o *simOp) { o.at -= o.at % simSecond }, func(o *simOp) { o.at -= o.at % (100 * simMilli) },
	} {
		for i := range ops {
			simpler := slices.Clone(ops)
			if f(&simpler[i]); simpler[i] != ops[i] && ops[i].what != simQuestion && !fixed(&ops[i]) && (i == 0 || simpler[i].at >= ops[i-1].at) {
				if got := fails(simpler); got != nil {
					ops, found = simpler, got
				}
			}
		}
	}
	smallest := *h
	smallest.ops = ops
	fails(ops)
	return &smallest, found
}
