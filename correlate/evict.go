package correlate

import (
	"iter"
	"time"
)

// What things cost in bytes, by measurement and rounded up a little. Stats.Bytes
// is computed from what is held alone, not from the order in which it came or
// from what the allocator did, so that every replay evicts at the same record.
const (
	entryBytes  = 31  // 28, and the room that chunks have left
	seriesBytes = 24  // the list of its chunks
	spaceBytes  = 260 // space, and its slot in the map
	symbolBytes = 44
	tieBytes    = 64
)

func stringBytes(s string) int64 { return int64(len(s)) + 8 }

// sweepsPerRetention is how often alerts that became too old are removed.
// Queries leave them out at once; removing them means a look at every series.
const sweepsPerRetention = 32

// Advance tells the index the log time of a record that is no alert. Times
// before the newest are ignored. It raises the floor to the newest time less
// the retention. The age of an alert is measured against the log's clock alone:
// a sensor whose clock is ahead can't make the alerts of others old.
func (x *Index) Advance(logged time.Time) {
	x.newest = max(x.newest, nanos(logged))
	keep := int64(x.limits.Retention)
	if keep <= 0 || x.newest-keep <= x.floor {
		return
	}
	x.floor = x.newest - keep
	if x.floor-x.swept >= keep/sweepsPerRetention {
		x.sweep(&x.stats.EvictedByAge)
	}
}

// RaiseFloor evicts all alerts before t, such as those older than the log's
// first record, and refuses them from now on. A t below the floor is ignored.
func (x *Index) RaiseFloor(t time.Time) {
	if ns := nanos(t); ns > x.floor {
		x.floor = ns
		x.sweep(&x.stats.EvictedByAge)
	}
}

// Floor is the event time below which nothing is held and nothing is proven.
// It never goes back. Zero means that nothing was evicted and nothing could
// have been.
func (x *Index) Floor() time.Time {
	if x.floor == 0 {
		return time.Time{}
	}
	return instant(x.floor)
}

// keepBelow makes room when more than a limit is held; zero or less is none. An eighth
// below it keeps the next alerts from evicting one by one.
func (x *Index) keepBelow(limit int64) {
	if limit > 0 && x.stats.Bytes > limit {
		x.makeRoom(limit - limit/8)
	}
}

// makeRoom removes what is too old and then, by raising the floor, the oldest
// alerts until no more than goal bytes are held.
func (x *Index) makeRoom(goal int64) {
	x.sweep(&x.stats.EvictedByAge)
	for x.stats.Alerts > 0 && x.stats.Bytes > goal {
		perAlert := x.stats.Bytes / int64(x.stats.Alerts)
		n := uint64((x.stats.Bytes - goal) / perAlert)
		n = min(max(n, x.stats.Alerts/64, 1), x.stats.Alerts)
		x.floor = x.oldest(n)
		x.sweep(&x.stats.EvictedByBytes)
	}
}

// oldest returns an event time with at least n alerts before it, n from 1 to
// all, and hardly more than n where times differ.
func (x *Index) oldest(n uint64) int64 {
	var all []*series
	low, high := int64(maxNanos), int64(0) // nothing before low, all before high
	for sp := range x.allSpaces() {
		for i := range sp.series {
			if s := &sp.series[i]; len(s.chunks) > 0 {
				all = append(all, s)
				last := s.chunks[len(s.chunks)-1]
				low = min(low, s.chunks[0][0].time())
				high = max(high, last[len(last)-1].time()+1)
			}
		}
	}
	for high-low > 1 {
		mid := low + (high-low)/2
		var before uint64
		for _, s := range all {
			before += uint64(s.between(spot{}, s.search(mid, 0)))
		}
		switch {
		case before < n:
			low = mid
		case before <= n+n/64:
			return mid
		default:
			high = mid
		}
	}
	return high
}

// sweep removes what is below the floor and counts it in evicted.
func (x *Index) sweep(evicted *uint64) {
	if x.swept == x.floor {
		return
	}
	x.swept = x.floor
	x.sweepWaiting()
	for sp := range x.allSpaces() {
		empty := true
		for _, p := range Priorities {
			s := sp.of(p)
			*evicted += x.cut(sp, p, s.search(x.floor, 0))
			empty = empty && len(s.chunks) == 0
		}
		if empty && sp != x.host && sp != x.unattributed {
			delete(x.spaces, sp.name)
			x.stats.Bytes -= spaceBytes + stringBytes(sp.name)
		}
	}
	if len(x.spaces) < x.mostSpaces/4 {
		smaller := make(map[string]*space, len(x.spaces))
		for name, sp := range x.spaces {
			smaller[name] = sp
		}
		x.spaces, x.mostSpaces = smaller, len(smaller)
	}
	x.rules.compact()
	x.sensors.compact()
	x.places.compact()
}

// cut evicts the alerts of a series that stand before end.
func (x *Index) cut(sp *space, p Priority, end spot) (evicted uint64) {
	s := sp.of(p)
	if end == (spot{}) {
		return 0
	}
	for at := (spot{}); at != end; at = s.after(at) {
		e := s.at(at)
		x.untie(sp, p, e)
		x.release(e)
		x.held(sp, -1)
		evicted++
	}
	s.cut(end)
	if len(s.chunks) == 0 {
		x.stats.Bytes -= seriesBytes
	}
	return evicted
}

// release takes back the entry's references to symbols.
func (x *Index) release(e *entry) {
	x.releaseName(&x.rules, e.rule())
	x.releasePlace(e.place())
}

func (x *Index) releasePlace(n uint32) {
	at := x.places.key(n)
	if x.places.release(n) {
		x.stats.Bytes -= symbolBytes + stringBytes(at.pod)
		x.releaseName(&x.sensors, at.sensor)
	}
}

func (x *Index) releaseName(s *symbols[string], n uint32) {
	name := s.key(n)
	if s.release(n) {
		x.stats.Bytes -= symbolBytes + stringBytes(name)
	}
}

// allSpaces goes through all spaces in no order, empty ones included. The one
// it is at may be deleted.
func (x *Index) allSpaces() iter.Seq[*space] {
	return func(yield func(*space) bool) {
		for _, sp := range x.spaces {
			if !yield(sp) {
				return
			}
		}
		_ = yield(x.host) && yield(x.unattributed)
	}
}
