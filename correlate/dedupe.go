package correlate

// tieScan is how many alerts of one instant are looked at one by one.
const tieScan = 64

// tie is an alert behind the first tieScan of its instant.
type tie struct {
	sp *space
	p  Priority
	ns int64
	id uint64
}

// spotFor returns where in sp a new alert with this time and id belongs: behind
// those of the same instant, as its position is the latest. It also tells
// whether tieScan alerts of that instant or more are there, and whether one of
// them is the same.
//
// Only 64 bits of the ID are compared, and only with alerts of the same
// namespace, priority and nanosecond. To hide an alert behind a false duplicate
// someone has to make one that comes first, at the same nanosecond, with 64
// equal bits of SHA-256. Even then the other one counts in the same namespace,
// priority and time; only a query by rule, pod or sensor would miss the hidden.
//
// A sender that stamps everything with the same time would make every search
// longer than the one before. Hence only the first tieScan are searched, and
// what is behind them is in x.ties.
func (x *Index) spotFor(sp *space, p Priority, ns int64, id uint64) (end spot, tied, duplicate bool) {
	s := sp.of(p)
	end = s.search(ns, 0)
	for range tieScan {
		if end.c == len(s.chunks) || s.at(end).time() != ns {
			return end, false, false
		}
		if s.at(end).id() == id {
			return end, false, true
		}
		end = s.after(end)
	}
	_, duplicate = x.ties[tie{sp, p, ns, id}]
	return s.search(ns+1, 0), true, duplicate
}

// tie notes an alert that comes behind the first tieScan of its instant.
func (x *Index) tie(sp *space, p Priority, ns int64, id uint64) {
	if x.ties == nil {
		x.ties = map[tie]struct{}{}
	}
	x.ties[tie{sp, p, ns, id}] = struct{}{}
	x.stats.Bytes += tieBytes
}

// untie forgets an alert that is evicted. All alerts of an instant are evicted
// together, so that the first tieScan stay the first.
func (x *Index) untie(sp *space, p Priority, e *entry) {
	if len(x.ties) == 0 {
		return
	}
	key := tie{sp, p, e.time(), e.id()}
	if _, ok := x.ties[key]; !ok {
		return
	}
	delete(x.ties, key)
	x.stats.Bytes -= tieBytes
	if len(x.ties) == 0 {
		x.ties = nil
	}
}
