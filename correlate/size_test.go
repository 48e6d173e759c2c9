package correlate

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// epoch is when the tests take place.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fleet makes up the alerts of a cluster.
type fleet struct {
	namespaces, pods, rules, sensors int // pods are per namespace
	priorities                       []Priority
	late                             int // one in so many comes up to a minute late; 0 for none
	rec                              Record
	alert                            Alert
	fields                           [4]Field
	names                            []string // namespaces
	podNames                         []string
	ruleNames, sensorNames           []string
}

// usual is a mix of priorities as stable rules raise them; all eight are the
// worst case for size.
var usual = []Priority{Critical, Error, Warning, Warning, Warning, Notice, Notice, Notice, Informational, Notice}

func newFleet(namespaces int, priorities []Priority) *fleet {
	f := &fleet{namespaces: namespaces, pods: 3, rules: 40, sensors: 100, priorities: priorities, late: 20}
	for i := range namespaces {
		f.names = append(f.names, fmt.Sprintf("shadow-%05d", i))
		for p := range f.pods {
			f.podNames = append(f.podNames, fmt.Sprintf("web-%05d-7d4b9c6f5d-x%dk2p", i, p))
		}
	}
	for i := range f.rules {
		f.ruleNames = append(f.ruleNames, fmt.Sprintf("Terminal shell in container, variant %d", i))
	}
	for i := range f.sensors {
		f.sensorNames = append(f.sensorNames, fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", i/256, i%256))
	}
	return f
}

// mix spreads a counter over 64 bits (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// record returns the i-th record, valid until the next call.
func (f *fleet) record(i int) *Record {
	h := mix(uint64(i))
	ns := int(h % uint64(f.namespaces))
	pod := ns*f.pods + int(h>>32%uint64(f.pods))
	logged := epoch.Add(time.Duration(i) * time.Millisecond)
	at := logged
	if f.late > 0 && h>>40%uint64(f.late) == 0 {
		at = at.Add(-time.Duration(h>>8%60_000) * time.Millisecond)
	}
	f.fields = [4]Field{
		{"container.id", "0123456789ab"},
		{"k8s.ns.name", f.names[ns]},
		{"k8s.pod.name", f.podNames[pod]},
		{"proc.name", "sh"},
	}
	f.alert = Alert{
		Hostname:     f.sensorNames[pod%f.sensors],
		Source:       "syscall",
		Rule:         f.ruleNames[h>>16%uint64(f.rules)],
		Priority:     f.priorities[h>>24%uint64(len(f.priorities))],
		Time:         at,
		OutputFields: f.fields[:],
	}
	f.rec = Record{Position: uint64(i) + 1, Logged: logged, Received: logged, Body: &f.alert}
	binary.BigEndian.PutUint64(f.rec.ID[:], mix(h))
	return &f.rec
}

// fill adds n records of the fleet to a new index.
func (f *fleet) fill(tb testing.TB, n int) *Index {
	x := NewIndex(Limits{})
	for i := range n {
		if err := x.Add(f.record(i)); err != nil {
			tb.Fatal(err)
		}
	}
	return x
}

// heapOf returns by how much the live heap grows with what build returns.
func heapOf[T any](build func() T) (T, int64) {
	before := settledHeap()
	x := build()
	return x, settledHeap() - before
}

// settledHeap is what is in use once the collector finds nothing more: what was made
// unique for another test takes several rounds to go, some of them in the background.
func settledHeap() int64 {
	least := int64(math.MaxInt64)
	for same := 0; same < 4; same++ {
		runtime.GC()
		runtime.Gosched()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if now := int64(m.HeapAlloc); now < least-16<<10 {
			least, same = now, 0
		}
	}
	return least
}

// The size of an alert includes all: duplicates' ids, symbols, room in chunks,
// maps.
func TestSize(t *testing.T) {
	const million = 1_000_000
	scale := 1
	if testing.Short() {
		scale = 10
	}
	tests := []struct {
		name     string
		alerts   int
		fleet    *fleet
		perAlert float64 // at most
	}{
		{"usual priorities", million, newFleet(10_000/scale, usual), 40},
		{"all priorities alike", million, newFleet(10_000/scale, Priorities[:]), 40},
		{"one namespace", million / 4, newFleet(1, usual), 36},
		{"many late", million / 4, func() *fleet { f := newFleet(250/scale, usual); f.late = 2; return f }(), 40},
		{"an alert in each namespace", million / 20, newFleet(million/20/scale, usual), 600},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := tt.alerts / scale
			x, heap := heapOf(func() *Index { return tt.fleet.fill(t, n) })
			s := x.Stats()
			require.EqualValues(t, n, s.Alerts)
			size := float64(heap) / float64(n)
			estimate := float64(s.Bytes) / float64(n)
			t.Logf("%d alerts, %d namespaces: %.1f bytes an alert on the heap, %.1f by Stats.Bytes", n, s.Namespaces, size, estimate)
			require.LessOrEqual(t, size, tt.perAlert)
			require.InEpsilon(t, size, estimate, 0.15, "Stats.Bytes is what MaxBytes limits")
		})
	}
}
