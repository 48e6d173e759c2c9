package correlate

import "unique"

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
	if h.origin == OnHost || h.origin == Attributed && h.pod != "" {
		return h
	}
	id, ok := shortID(a.ContainerID())
	if !ok {
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
		if from, to, some := s.index.attribute(containerKey{known.hostname, id}, known.namespace, known.name); some {
			s.sensors.changes.attributed(known.namespace, from, to)
		}
	}
}
