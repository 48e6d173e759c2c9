package correlate

import "iter"

// Count returns how many alerts the query selects, by priority. Without Rule,
// Pod and Sensor it takes two binary searches for each namespace and priority,
// however many alerts there are. The error is Validate's.
func (x *Index) Count(q Query) (Counts, error) {
	var counts Counts
	if err := q.Validate(); err != nil {
		return counts, err
	}
	low, high := x.bounds(q.Window)
	f, some := x.filter(q)
	if !some || low >= high {
		return counts, nil
	}
	for sp := range x.spacesOf(q) {
		for p := Emergency; p <= q.MinPriority; p++ {
			s := sp.of(p)
			at, end := s.search(low, 0), s.search(high, 0)
			if f.all() {
				counts[p] += uint64(s.between(at, end))
				continue
			}
			for ; at != end; at = s.after(at) {
				if f.match(x, s.at(at)) {
					counts[p]++
				}
			}
		}
	}
	return counts, nil
}

// bounds are the window's ends in nanoseconds, cut off at the floor.
func (x *Index) bounds(w Window) (low, high int64) {
	low, high = nanos(w.Start), nanos(w.End)
	if high == maxNanos {
		high++ // alerts dated after the end of time stand at maxNanos
	}
	return max(low, x.floor), high
}

// spacesOf goes through the spaces of the query's scope, in no order.
func (x *Index) spacesOf(q Query) iter.Seq[*space] {
	return func(yield func(*space) bool) {
		switch q.Scope {
		case InNamespace:
			if sp := x.spaces[q.Namespace]; sp != nil {
				yield(sp)
			}
		case Host:
			yield(x.host)
		case WithoutNamespace:
			yield(x.unattributed)
		case AllNamespaces:
			for _, sp := range x.spaces {
				if !yield(sp) {
					return
				}
			}
		case Everything:
			x.allSpaces()(yield)
		}
	}
}

// filter is a query's rule, pods and sensor in terms of symbols.
type filter struct {
	rule, sensor       uint32
	anyRule, anySensor bool
	pod                Glob
	pods, strangers    *PodSet
}

// filter returns the query's filter, and false when nothing can match it.
func (x *Index) filter(q Query) (f filter, some bool) {
	f = filter{anyRule: q.Rule == "", anySensor: q.Sensor == "", pod: q.Pod, pods: q.Pods, strangers: q.Strangers}
	if !f.anyRule {
		if f.rule, some = x.rules.find(q.Rule); !some {
			return f, false
		}
	}
	if !f.anySensor {
		if f.sensor, some = x.sensors.find(q.Sensor); !some {
			return f, false
		}
	}
	return f, true
}

// all reports whether every alert matches.
func (f *filter) all() bool { return f.anyRule && f.anySensor && f.anyPod() }

func (f *filter) anyPod() bool { return f.pod == Glob{} && f.pods == nil && f.strangers == nil }

func (f *filter) match(x *Index, e *entry) bool {
	if !f.anyRule && e.rule() != f.rule {
		return false
	}
	if f.anySensor && f.anyPod() {
		return true
	}
	at := x.places.key(e.place())
	return (f.anySensor || at.sensor == f.sensor) && f.pod.Match(at.pod) &&
		(f.pods == nil || f.pods.has(at.pod, e.time())) && (f.strangers == nil || !f.strangers.has(at.pod, e.time()))
}
