package correlate

import (
	"testing"
)

// BenchmarkApply applies alerts that name their namespace and pod to a state, a
// million of ten thousand namespaces, again and again.
func BenchmarkApply(b *testing.B) {
	f := newFleet(benchNamespaces, usual)
	b.ReportAllocs()
	var s *State
	for i := range b.N {
		if i%benchAlerts == 0 {
			s = NewState(Limits{}, 0)
		}
		if err := s.Apply(f.record(i % benchAlerts)); err != nil {
			b.Fatal(err)
		}
	}
}
