package correlate

import (
	"maps"
	"slices"
	"time"
)

// Placed says where the pods of a scope ran in a window.
type Placed struct {
	// Sensors are the hostnames of the sensors of the nodes where they ran, or may
	// have run, sorted.
	Sensors []string
	// Nodes are these nodes, sorted by name.
	Nodes []string
	// Pods are the pods themselves.
	Pods *PodSet
	// Ran is how many of them certainly had a container of their own running in the
	// window, whatever the skew of clocks, if all of Unknown is: with none, silence
	// means nothing.
	Ran int
	// Last is when the last of them was placed on its node; zero when that is not known
	// of one, or there is none.
	Last time.Time
	// Unknown are the parts of the window, widened by the skew of clocks, for which
	// it is not known which pods there were, in order.
	Unknown []Window
	// Open is true when the last of Unknown reaches to the end and may still become
	// known: a watch goes on.
	Open bool
	// Watched is true while a watch goes on, so that more pods are told.
	Watched bool
	// Known is up to when placements are known at all; zero when they never were.
	Known time.Time
}

// Placing reports whether the log tells of placements at all. Without them it is not
// known which sensors a scope needs.
func (s *State) Placing() bool { return len(s.placements.watchers.byName) > 0 }

// Placed says where the pods of a scope ran in a window. Skew is by how much the
// clocks of the sensors, of the API server and of the log may differ. The window must
// be valid.
func (s *State) Placed(scope PodScope, w Window, skew time.Duration) Placed {
	from, to := nanos(w.Start.Add(-skew)), nanos(w.End.Add(skew))
	out := Placed{Pods: &PodSet{}, Known: s.Known(), Watched: s.placements.watchers.alive(nanos(s.logged))}
	gaps := unknown(s.placements.known(s.index.floor), from, to)
	for _, gap := range gaps {
		out.Unknown = append(out.Unknown, Window{instant(gap.from), instant(gap.to)})
	}
	sp := s.placements.spaces[scope.Namespace]
	sel := podSelection{scope: scope, p: &s.placements, floor: s.index.floor}
	if n := len(gaps); n > 0 {
		last := gaps[n-1]
		sel.unknown = knownSpan{from: gaps[0].from, to: last.to}
		out.Open = last.to == to && s.placements.open(last.from, s.index.floor, nanos(s.logged))
	}
	if sp == nil {
		return out
	}
	sensors, nodes := map[string]bool{}, map[string]bool{}
	last, undated := int64(0), false
	for _, known := range sp.pods {
		if !sel.names(known) {
			continue
		}
		there, ran := false, false
		sel.presences(known, func(in presence) {
			// The ends are by different clocks.
			if in.from < to && in.to > from && in.from <= in.to+2*int64(skew) {
				there = true
				out.Pods.add(known.name, in.from, in.to, int64(skew))
			}
			ran = ran || known.ran(&in, nanos(w.Start), nanos(w.End), int64(skew))
		})
		if there && known.onNode() {
			last, undated = max(last, known.began()), undated || known.began() == 0
			sensors[known.hostname.Value()], nodes[known.node.Value()] = true, true
			if ran {
				out.Ran++
			}
		}
	}
	out.Sensors, out.Nodes = slices.Sorted(maps.Keys(sensors)), slices.Sorted(maps.Keys(nodes))
	if !undated {
		out.Last = sometime(last)
	}
	return out
}

// ran reports whether a container of the pod certainly ran in [from, to) while the pod
// was there as it is asked for. That it started is told in whole seconds.
func (known *pod) ran(in *presence, from, to, skew int64) bool {
	since := max(in.since, known.started+int64(time.Second)) + skew
	both := in.always && in.since <= in.until || since <= in.until // it started while it was so
	return known.started > 0 && both && since <= to && in.until-skew > from
}

// Known is up to when placements are known; zero when they never were. There may be
// earlier times for which they are not.
func (s *State) Known() time.Time {
	var to int64
	for _, span := range s.placements.known(s.index.floor) {
		to = max(to, span.to)
	}
	return sometime(to)
}

// FirstPod is when the first pod of the scope was placed on its node, among those
// that were there when placements began to be known, or later; zero when there is
// none.
func (s *State) FirstPod(scope PodScope) time.Time {
	floor := s.index.floor
	spans, sp := s.placements.known(floor), s.placements.spaces[scope.Namespace]
	if len(spans) == 0 || sp == nil {
		return time.Time{}
	}
	sel := podSelection{scope: scope, p: &s.placements, floor: floor}
	var first int64
	for _, known := range sp.pods {
		began := known.began()
		if began == 0 || !known.onNode() || !sel.names(known) || first > 0 && began >= first {
			continue
		}
		sel.presences(known, func(in presence) {
			if in.to > spans[0].from {
				first = began
			}
		})
	}
	return sometime(first)
}

// PlacementStats returns the numbers. It goes through all pods.
func (s *State) PlacementStats() PlacementStats {
	stats := s.placements.stats
	stats.Pods, stats.Watchers = len(s.placements.pods), len(s.placements.watchers.byName)
	for _, known := range s.placements.pods {
		if known.over() == 0 {
			stats.Running++
		}
	}
	return stats
}
