package correlate

import (
	"fmt"
	"testing"
	"time"
)

const (
	benchAlerts     = 1_000_000
	benchNamespaces = 10_000
)

// BenchmarkAdd adds a million alerts over ten thousand namespaces, one in twenty
// late, to an empty index, again and again.
func BenchmarkAdd(b *testing.B) {
	for name, limits := range map[string]Limits{
		"unlimited": {},
		"retention": {Retention: 100 * time.Second},
		"bytes":     {MaxBytes: 20 << 20},
	} {
		b.Run(name, func(b *testing.B) {
			f := newFleet(benchNamespaces, usual)
			f.record(0)
			b.ReportAllocs()
			var x *Index
			for i := range b.N {
				if i%benchAlerts == 0 {
					x = NewIndex(limits)
				}
				if err := x.Add(f.record(i % benchAlerts)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
		})
	}
}

// BenchmarkRecord is what of BenchmarkAdd making up the alerts takes.
func BenchmarkRecord(b *testing.B) {
	f := newFleet(benchNamespaces, usual)
	for i := range b.N {
		f.record(i % benchAlerts)
	}
}

// BenchmarkQuery asks an index of a million alerts over ten thousand namespaces.
func BenchmarkQuery(b *testing.B) {
	f := newFleet(benchNamespaces, usual)
	x := f.fill(b, benchAlerts)
	hour := Window{epoch, epoch.Add(time.Hour)}
	minutes := Window{epoch.Add(5 * time.Minute), epoch.Add(10 * time.Minute)}
	pods, err := ParseGlob("web-*-x1k2p")
	if err != nil {
		b.Fatal(err)
	}
	inNamespace := func(i int, q Query) Query {
		q.Namespace = f.names[mix(uint64(i))%benchNamespaces]
		return q
	}
	count := func(q Query) func(int) error {
		return func(i int) error {
			if q.Scope == InNamespace {
				q = inNamespace(i, q)
			}
			_, err := x.Count(q)
			return err
		}
	}
	list := func(q Query, order Order, limit int) func(int) error {
		return func(i int) error {
			if q.Scope == InNamespace {
				q = inNamespace(i, q)
			}
			_, _, err := x.List(q, order, limit, Cursor{})
			return err
		}
	}
	benches := []struct {
		name string
		run  func(i int) error
	}{
		{"count/namespace", count(Query{Window: minutes, MinPriority: Warning})},
		{"count/namespace-pod", count(Query{Window: hour, MinPriority: Debug, Pod: pods})},
		{"count/all-namespaces", count(Query{Scope: AllNamespaces, Window: minutes, MinPriority: Warning})},
		{"list-100/namespace-newest", list(Query{Window: hour, MinPriority: Debug}, NewestFirst, 100)},
		{"list-100/namespace-oldest", list(Query{Window: hour, MinPriority: Debug}, OldestFirst, 100)},
		{"list-100/all-namespaces", list(Query{Scope: AllNamespaces, Window: hour, MinPriority: Debug}, NewestFirst, 100)},
	}
	for _, bb := range benches {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				if err := bb.run(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSize measures the live heap of an alert. Run it with -benchtime=1x.
func BenchmarkSize(b *testing.B) {
	for _, n := range []int{benchAlerts, 10 * benchAlerts} {
		b.Run(fmt.Sprintf("%dM", n/benchAlerts), func(b *testing.B) {
			f := newFleet(benchNamespaces, usual)
			for range b.N {
				x, heap := heapOf(func() *Index { return f.fill(b, n) })
				b.ReportMetric(float64(heap)/float64(x.Stats().Alerts), "B/alert")
				b.ReportMetric(float64(x.Stats().Bytes)/float64(x.Stats().Alerts), "estimated-B/alert")
			}
		})
	}
}
