package correlate

import "slices"

// waitingAlert is an alert of a container that no pod is known to have.
type waitingAlert struct {
	sp       *space
	priority Priority
	ns       int64
	position uint64
}

const (
	waitingBytes = 40 // waitingAlert, and the room that lists have left
	waitersBytes = 80 // the list of a container
)

// wait notes an alert that may be attributed once its container is known.
func (x *Index) wait(key containerKey, w waitingAlert) {
	if x.waiting == nil {
		x.waiting = map[containerKey][]waitingAlert{}
	}
	if x.waiting[key] == nil {
		x.stats.Bytes += waitersBytes
	}
	x.waiting[key] = append(x.waiting[key], w)
	x.stats.Bytes += waitingBytes
}

// attribute moves the alerts that wait for a container to its pod, and returns the first
// and the last of their times, if there were any.
func (x *Index) attribute(key containerKey, namespace, pod string) (from, to int64, some bool) {
	for x.places.full() && len(x.waiting[key]) > 0 {
		x.makeRoom(x.stats.Bytes - x.stats.Bytes/8 - 1)
	}
	for _, w := range x.waiting[key] {
		if !x.bringHome(w, namespace, pod) {
			continue
		}
		if !some || w.ns < from {
			from = w.ns
		}
		if !some || w.ns > to {
			to = w.ns
		}
		some = true
	}
	x.unwait(key)
	x.keepBelow(x.limits.MaxBytes)
	return from, to, some
}

// bringHome gives an alert that has waited to a pod, unless it was evicted or names
// another namespace itself.
func (x *Index) bringHome(w waitingAlert, namespace, pod string) bool {
	s := w.sp.of(w.priority)
	at := s.search(w.ns, w.position)
	if w.ns < x.floor || at.c == len(s.chunks) || s.at(at).position() != w.position {
		return false
	}
	if w.sp != x.unattributed && w.sp.name != namespace {
		return false
	}
	e := *s.at(at)
	place := x.placeOf(x.sensors.key(x.places.key(e.place()).sensor), pod)
	x.releasePlace(e.place())
	moved := newEntry(w.ns, e.id(), w.position, place, e.rule())
	if w.sp != x.unattributed {
		*s.at(at) = moved
		return true
	}
	x.remove(w.sp, w.priority, at)
	x.stats.Attributed++
	x.settle(x.spaceOf(namespace), w.priority, moved)
	return true
}

// settle puts an alert that was held elsewhere into a space.
func (x *Index) settle(sp *space, p Priority, e entry) {
	s := sp.of(p)
	if _, _, again := x.spotFor(sp, p, e.time(), e.id()); again {
		x.stats.Duplicates++
		x.release(&e)
		return
	}
	if len(s.chunks) == 0 {
		x.stats.Bytes += seriesBytes
	}
	at := s.search(e.time(), e.position())
	s.insert(at, e)
	x.held(sp, +1)
	x.displaced(sp, p, &e)
}

// displaced notes the one that an alert which came between others of its instant has
// moved behind the first tieScan of them, or that alert itself.
func (x *Index) displaced(sp *space, p Priority, e *entry) {
	s := sp.of(p)
	at := s.search(e.time(), 0)
	for range tieScan {
		if at.c == len(s.chunks) || s.at(at).time() != e.time() {
			return
		}
		at = s.after(at)
	}
	if at.c == len(s.chunks) || s.at(at).time() != e.time() {
		return
	}
	if behind := s.at(at); behind.position() >= e.position() {
		e = behind
	}
	x.tie(sp, p, e.time(), e.id())
}

// remove takes the entry at a spot out of a series, and leaves its symbols alone.
func (x *Index) remove(sp *space, p Priority, at spot) {
	s := sp.of(p)
	gone := *s.at(at)
	x.untie(sp, p, &gone)
	s.remove(at)
	x.held(sp, -1)
	if len(s.chunks) == 0 {
		x.stats.Bytes -= seriesBytes
		return
	}
	if len(x.ties) == 0 {
		return
	}
	// The last of the first tieScan of the instant may have been behind them before.
	at = s.search(gone.time(), 0)
	for range tieScan - 1 {
		if at.c == len(s.chunks) {
			return
		}
		at = s.after(at)
	}
	if at.c < len(s.chunks) && s.at(at).time() == gone.time() {
		x.untie(sp, p, s.at(at))
	}
}

// unwait forgets who waits for a container.
func (x *Index) unwait(key containerKey) {
	if list := x.waiting[key]; list != nil {
		x.stats.Bytes -= waitersBytes + int64(len(list))*waitingBytes
		delete(x.waiting, key)
	}
}

// sweepWaiting forgets the alerts below the floor.
func (x *Index) sweepWaiting() {
	for key, list := range x.waiting {
		kept := slices.DeleteFunc(slices.Clone(list), func(w waitingAlert) bool { return w.ns < x.floor })
		if len(kept) == 0 {
			x.unwait(key)
			continue
		}
		x.stats.Bytes -= int64(len(list)-len(kept)) * waitingBytes
		x.waiting[key] = kept
	}
	if len(x.waiting) == 0 {
		x.waiting = nil
	}
}
