package correlate

import "time"

// PodSet are pods by name, each with the spans of time in which it was that pod.
type PodSet struct {
	spans map[string][]podSpan
}

// podSpan is a span in which a name was a pod's; both ends are included.
type podSpan struct{ from, to int64 }

// add notes a span, widened by the skew of clocks.
func (s *PodSet) add(name string, from, to, skew int64) {
	if s.spans == nil {
		s.spans = map[string][]podSpan{}
	}
	s.spans[name] = append(s.spans[name], podSpan{max(from-skew, 0), min(to, maxNanos-skew) + skew})
}

// Has reports whether a pod of that name was in the set at an instant.
func (s *PodSet) Has(name string, at time.Time) bool { return s.has(name, nanos(at)) }

func (s *PodSet) has(name string, ns int64) bool {
	for _, span := range s.spans[name] {
		if ns >= span.from && ns <= span.to {
			return true
		}
	}
	return false
}

// Len is how many names the set has.
func (s *PodSet) Len() int { return len(s.spans) }
