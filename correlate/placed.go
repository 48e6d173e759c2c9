package correlate

import (
	"cmp"
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
	// Ran is how many of them had a container of their own running in the window:
	// with none, silence means nothing.
	Ran int
	// Unknown are the parts of the window, widened by the skew of clocks, for which
	// it is not known which pods there were, in order.
	Unknown []Window
	// Open is true when the last of Unknown may still become known: a watch goes on.
	Open bool
	// Known is up to when placements are known at all; zero when they never were.
	Known time.Time
}

// watchAlive is how long after its last word a watch is taken to go on.
const watchAlive = int64(time.Minute)

// Placing reports whether the log tells of placements at all. Without them it is not
// known which sensors a scope needs.
func (s *State) Placing() bool { return len(s.placements.watchers) > 0 }

// Placed says where the pods of a scope ran in a window. Skew is by how much the
// clocks of the sensors, of the API server and of the log may differ. The window must
// be valid.
func (s *State) Placed(scope PodScope, w Window, skew time.Duration) Placed {
	p := &s.placements
	from, to := nanos(w.Start.Add(-skew)), nanos(w.End.Add(skew))
	out := Placed{Pods: &PodSet{spans: map[string][]knownPod{}}}
	sensors, nodes := map[string]bool{}, map[string]bool{}
	for _, known := range p.spaces[scope.Namespace] {
		began, ended := known.began(), known.ended
		if ended == 0 {
			ended = maxNanos
		}
		if began >= to || ended < from || !scope.selects(known, from, to) {
			continue
		}
		began, ended = max(began-int64(skew), 0), min(ended, maxNanos-int64(skew))+int64(skew)
		out.Pods.spans[known.name] = append(out.Pods.spans[known.name], knownPod{began, ended})
		if known.onNode() {
			sensors[known.hostname.Value()], nodes[known.node.Value()] = true, true
		}
		if known.started > 0 && known.started < nanos(w.End) && (known.ended == 0 || known.ended > nanos(w.Start)) {
			out.Ran++
		}
	}
	out.Sensors, out.Nodes = slices.Sorted(maps.Keys(sensors)), slices.Sorted(maps.Keys(nodes))
	out.Known = s.Known()
	out.unknown(s.known(), from, to)
	out.Open = s.watched()
	return out
}

// onNode reports whether the pod was ever given a node.
func (known *pod) onNode() bool { return known.hostname != unsetHandle }

// unknown finds the parts of [from, to) that no span covers.
func (out *Placed) unknown(spans []knownSpan, from, to int64) {
	at := from
	for _, span := range spans {
		if span.from > at && at < to {
			out.Unknown = append(out.Unknown, Window{instant(at), instant(min(span.from, to))})
		}
		at = max(at, span.to)
	}
	if at < to {
		out.Unknown = append(out.Unknown, Window{instant(at), instant(to)})
	}
}

// Known is up to when placements are known; zero when they never were. There may be
// earlier times for which they are not.
func (s *State) Known() time.Time {
	var to int64
	for _, span := range s.known() {
		to = max(to, span.to)
	}
	return sometime(to)
}

// known are the spans in which placements are known, of all watchers together, in
// order of time. A watcher knows from its first list above the floor on: who reads
// the log from there knows no more.
func (s *State) known() []knownSpan {
	floor := max(s.index.floor, s.placements.floor)
	var all []knownSpan
	for _, w := range s.placements.watchers {
		for _, span := range w.spans {
			i := slices.IndexFunc(span.lists, func(list int64) bool { return list >= floor })
			if i >= 0 && span.to > span.lists[i] {
				all = append(all, knownSpan{from: span.lists[i], to: span.to})
			}
		}
	}
	slices.SortFunc(all, func(a, b knownSpan) int { return cmp.Compare(a.from, b.from) })
	return all
}

// watched reports whether a watch goes on, so that more will be known.
func (s *State) watched() bool {
	for _, w := range s.placements.watchers {
		if nanos(s.logged)-w.last <= watchAlive {
			return true
		}
	}
	return false
}

// FirstPod is when the first pod of the scope was placed on its node, among those
// that are kept; zero when there is none.
func (s *State) FirstPod(scope PodScope) time.Time {
	var first int64
	floor := s.index.floor
	for _, known := range s.placements.spaces[scope.Namespace] {
		began := known.began()
		kept := known.ended == 0 || known.ended >= floor // the others may be forgotten at any time
		if kept && began > 0 && known.onNode() && (first == 0 || began < first) && scope.selects(known, floor, maxNanos) {
			first = began
		}
	}
	return sometime(first)
}

// PlacementStats returns the numbers.
func (s *State) PlacementStats() PlacementStats {
	stats := s.placements.stats
	stats.Pods = len(s.placements.pods)
	for _, known := range s.placements.pods {
		if known.ended == 0 {
			stats.Running++
		}
	}
	return stats
}
