package correlate

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watched is a number of sensors that send a snapshot every interval and have the
// stock number of rules.
type watched struct {
	state    *State
	position uint64
	now      time.Time
	interval time.Duration
	names    []string
	rules    []string
	ruleset  RulesetID
	matches  []uint64 // by rule, the same for all
	total    uint64
	events   uint64
}

// stockRules is how many rules Falco 0.43's three rules files have.
const stockRules = 87

func watch(t testing.TB, sensors int, interval time.Duration) *watched {
	w := &watched{
		state: NewState(Limits{Retention: 24 * time.Hour}, 0), now: epoch, interval: interval,
		matches: make([]uint64, stockRules), ruleset: RulesetID{1},
	}
	for i := range stockRules {
		w.rules = append(w.rules, fmt.Sprintf("Rule_%02d", i))
	}
	for i := range sensors {
		w.names = append(w.names, fmt.Sprintf("node-%04d", i))
		w.apply(t, &Ruleset{Hostname: w.names[i], ID: w.ruleset, Rules: w.rules, RulesFiles: []Field{{"rules", "1"}}})
	}
	return w
}

func (w *watched) apply(t testing.TB, body Body) {
	w.position++
	rec := &Record{Position: w.position, Logged: w.now.Add(5 * time.Millisecond), Received: w.now, Body: body}
	if a, ok := body.(*Alert); ok {
		rec.ID = a.ID()
	}
	require.NoError(t, w.state.Apply(rec))
}

// tick has every sensor send a snapshot. All share one body but for the name,
// which is safe because the state keeps none of it.
func (w *watched) tick(t testing.TB) {
	w.now = w.now.Add(w.interval)
	w.events += 10_000
	for _, name := range w.names {
		w.apply(t, &Snapshot{
			Hostname: name, Time: w.now, EventSource: "syscall", Run: Run{1, 1}, Ruleset: w.ruleset, RuleMatches: w.matches,
			MatchesTotal: Counter{w.total, true}, QueueDrops: Counter{0, true},
			EventsProcessed: Counter{w.events, true}, KernelEvents: Counter{w.events, true}, KernelDrops: Counter{0, true},
		})
	}
}

// A day of a snapshot every second takes little, because what has no flaw is
// merged: a thousand sensors fit into 100 MB.
func TestADayOfSnapshotsIsSmall(t *testing.T) {
	const sensors = 5
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := watch(t, sensors, time.Second)
	for range 24 * 60 * 60 {
		w.tick(t)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	perSensor := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / sensors
	t.Logf("%.0f bytes a sensor, %.1f MB for a thousand", perSensor, perSensor*1000/1e6)
	require.Less(t, perSensor, 100e3)
	c := w.state.Sensors().Coverage(Window{epoch.Add(time.Minute), w.now.Add(-time.Minute)}, nil, Tolerance{Settling: time.Second, ClockSkew: time.Second})
	require.Empty(t, c.Gaps, "and a day is proven as a whole")
	runtime.KeepAlive(w)
}

// BenchmarkLedger is what the ledger adds to an alert.
func BenchmarkLedger(b *testing.B) {
	w := watch(b, 100, 5*time.Second)
	for range 10 {
		w.tick(b)
	}
	alerts := make([]*Record, 1000)
	for i := range alerts {
		alerts[i] = &Record{Logged: w.now, Body: &Alert{Hostname: w.names[i%100], Rule: fmt.Sprintf("Rule %02d", i%stockRules), Priority: Error, Time: w.now}}
	}
	sensors := w.state.Sensors()
	for _, rec := range alerts {
		sensors.Apply(rec)
	}
	b.Run("alert", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			rec := alerts[i%len(alerts)]
			sensors.prove(sensors.known[rec.Body.Sensor()], rec, held)
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.tick(b)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/snapshot")
	})
}

// BenchmarkCoverage asks a thousand sensors about an hour.
func BenchmarkCoverage(b *testing.B) {
	w := watch(b, 1000, 5*time.Second)
	for range 2 * 60 * 60 / 5 {
		w.tick(b)
	}
	window := Window{w.now.Add(-90 * time.Minute), w.now.Add(-30 * time.Minute)}
	tol := Tolerance{Settling: time.Second, ClockSkew: 2 * time.Second}
	for b.Loop() {
		if c := w.state.Sensors().Coverage(window, nil, tol); len(c.Gaps) > 0 {
			b.Fatal(c.Gaps[0])
		}
	}
}
