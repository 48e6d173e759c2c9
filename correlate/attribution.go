package correlate

import (
	"slices"
	"strings"
	"unique"
)

// home is where an alert belongs: what it says itself, and for what it leaves out
// the pod that has its container.
type home struct {
	namespace, pod string
	origin         Origin
	// waits is the container that would tell more once it is known; its id is zero
	// where nothing would.
	waits containerKey
}

// homeOf is where the alert belongs by its own word.
func homeOf(a *Alert) home {
	namespace, origin := a.Namespace()
	return home{namespace: namespace, origin: origin, pod: a.Pod()}
}

// homeOf is where an alert belongs by all that is known now.
func (s *State) homeOf(a *Alert) home {
	h := homeOf(a)
	whole := h.origin == OnHost || h.origin == Attributed && (h.pod != "" || !s.Placing())
	id, ok := shortID(a.ContainerID())
	if whole || !ok {
		return h
	}
	key := containerKey{unique.Make(a.Hostname), id}
	known := s.placements.containers[key]
	switch {
	case known == nil:
		h.waits = key
	case h.origin == Unattributed:
		h.namespace, h.origin, h.pod = known.namespace, Attributed, known.name
	case h.namespace == known.namespace:
		h.pod = known.name
	}
	return h
}

// attribute gives the alerts of a pod's containers that waited for it to the pod.
func (s *State) attribute(known *pod) {
	for _, id := range known.containers {
		s.index.attribute(containerKey{known.hostname, id}, known.namespace, known.name)
	}
}

// waitingAlert is an alert of a container that no pod is known to have.
type waitingAlert struct {
	sp       *space
	priority Priority
	ns       int64
	position uint64
}

const (
	waitingBytes = 40  // waitingAlert, and the room that lists have left
	waitersBytes = 100 // the list of a container
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

// attribute moves the alerts that wait for a container to its pod.
func (x *Index) attribute(key containerKey, namespace, pod string) {
	for x.places.full() && len(x.waiting[key]) > 0 {
		x.makeRoom(x.stats.Bytes - x.stats.Bytes/8 - 1)
	}
	for _, w := range x.waiting[key] {
		s := w.sp.of(w.priority)
		at := s.search(w.ns, w.position)
		if w.ns < x.floor || at.c == len(s.chunks) || s.at(at).position() != w.position {
			continue // it was evicted
		}
		e := *s.at(at)
		if w.sp != x.unattributed && w.sp.name != namespace {
			continue // it named another
		}
		place := x.placeOf(x.sensors.key(x.places.key(e.place()).sensor), pod)
		x.releasePlace(e.place())
		moved := newEntry(w.ns, e.id(), w.position, place, e.rule())
		if w.sp != x.unattributed {
			*s.at(at) = moved
			continue
		}
		x.remove(w.sp, w.priority, at)
		x.settle(x.spaceOf(namespace), w.priority, moved)
		x.stats.Attributed++
	}
	x.unwait(key)
}

// settle puts an alert that was held elsewhere into a space.
func (x *Index) settle(sp *space, p Priority, e entry) {
	s := sp.of(p)
	_, tied, again := x.spotFor(sp, p, e.time(), e.id())
	if again {
		x.stats.Duplicates++
		x.release(&e)
		return
	}
	if len(s.chunks) == 0 {
		x.stats.Bytes += seriesBytes
	}
	s.insert(s.search(e.time(), e.position()), e)
	x.held(sp, +1)
	if tied {
		// One of the first of its instant is so no more.
		at := s.search(e.time(), 0)
		for range tieScan {
			at = s.after(at)
		}
		x.tie(sp, p, e.time(), s.at(at).id())
	}
}

// remove takes the entry at a spot out of a series, and leaves its symbols alone.
func (x *Index) remove(sp *space, p Priority, at spot) {
	s := sp.of(p)
	x.untie(sp, p, s.at(at))
	s.remove(at)
	x.held(sp, -1)
	if len(s.chunks) == 0 {
		x.stats.Bytes -= seriesBytes
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

// spaceOf returns the space of a namespace, made if need be.
func (x *Index) spaceOf(name string) *space {
	sp := x.spaces[name]
	if sp == nil {
		// Cloned, here and in placeOf: the name may be part of a whole message,
		// which would stay in memory with it.
		sp = &space{name: strings.Clone(name)}
		x.spaces[sp.name] = sp
		x.mostSpaces = max(x.mostSpaces, len(x.spaces))
		x.stats.Bytes += spaceBytes + stringBytes(name)
	}
	return sp
}
