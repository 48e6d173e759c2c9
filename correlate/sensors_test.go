package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tape makes records of a log: each is received a second after the one before,
// and logged a millisecond after that.
type tape struct {
	position uint64
	records  []*Record
}

func (l *tape) add(body Body) *Record {
	l.position++
	received := epoch.Add(time.Duration(l.position) * time.Second)
	rec := &Record{Position: l.position, Received: received, Logged: received.Add(time.Millisecond), Body: body}
	if a, ok := body.(*Alert); ok {
		rec.ID = a.ID()
	}
	l.records = append(l.records, rec)
	return rec
}

func snapshot(hostname string, second int, matches uint64) *Snapshot {
	return &Snapshot{
		Hostname: hostname, Time: epoch.Add(time.Duration(second) * time.Second), EventSource: "syscall", Run: Run{1, 2},
		MatchesTotal: Counter{matches, true}, QueueDrops: Counter{matches / 2, true}, KernelDrops: Counter{},
	}
}

func TestSensorStatus(t *testing.T) {
	var l tape
	s := NewSensors(0)
	for _, body := range []Body{
		&Alert{Hostname: "node-a", Rule: "r", Priority: Error, Time: epoch},
		&Ruleset{Hostname: "node-a", ID: RulesetID{1}, Rules: []string{"a", "b"}, Version: "0.43.0", Engine: "kmod"},
		snapshot("node-a", 10, 1),
		&Alert{Hostname: "node-a", Rule: "r", Priority: Error, Time: epoch},
		&Drop{Hostname: "node-a"},
		&Timeout{Hostname: "node-a"},
		&Internal{Hostname: "node-a"},
		&Malformed{Hostname: "node-a"},
		&Ruleset{Hostname: "node-a", ID: RulesetID{2}, Rules: []string{"a", "b", "c"}, Version: "0.43.1", Engine: "modern_bpf"},
		snapshot("node-a", 15, 8),
	} {
		s.Apply(l.add(body))
	}
	status, ok := s.Get("node-a")
	require.True(t, ok)
	require.Equal(t, SensorStatus{
		Hostname:         "node-a",
		FirstHeard:       epoch.Add(1 * time.Second),
		LastHeard:        epoch.Add(10 * time.Second),
		LastLogged:       epoch.Add(10*time.Second + time.Millisecond),
		LastKind:         KindSnapshot,
		LastSnapshot:     epoch.Add(15 * time.Second),
		SnapshotInterval: 5 * time.Second,
		ClockOffset:      5 * time.Second,
		Run:              Run{1, 2},
		Runs:             1,
		Version:          "0.43.1",
		Engine:           "modern_bpf",
		Ruleset:          RulesetID{2},
		Rules:            3,
		Alerts:           2,
		Snapshots:        2,
		Drops:            1,
		Timeouts:         1,
		Malformed:        1,
		MatchesTotal:     Counter{8, true},
		QueueDrops:       Counter{4, true},
		Proof: SensorProof{
			Heard: epoch.Add(10 * time.Second), Accounted: epoch.Add(10 * time.Second), // three intervals make it known
			Offset: -6, OffsetKnown: true, Sources: []string{"syscall"},
		},
	}, status)
	_, ok = s.Get("node")
	require.False(t, ok)
}

func TestSnapshots(t *testing.T) {
	otherSource := func(snap *Snapshot) *Snapshot { snap.EventSource = "k8s_audit"; return snap }
	otherRun := func(snap *Snapshot, run Run) *Snapshot { snap.Run = run; return snap }
	tests := []struct {
		name      string
		snapshots []*Snapshot
		last      int // second of the newest
		interval  time.Duration
		runs      uint64
		matches   uint64
	}{
		{"one tells no interval", []*Snapshot{snapshot("a", 10, 1)}, 10, 0, 1, 1},
		{"the last two count", []*Snapshot{snapshot("a", 10, 1), snapshot("a", 11, 2), snapshot("a", 41, 3)}, 41, 30 * time.Second, 1, 3},
		{"a second delivery", []*Snapshot{snapshot("a", 10, 1), snapshot("a", 15, 2), snapshot("a", 15, 2)}, 15, 5 * time.Second, 1, 2},
		{"a new run", []*Snapshot{snapshot("a", 10, 9), otherRun(snapshot("a", 40, 0), Run{3, 3})}, 40, 0, 2, 0},
		{"a reload is a new run", []*Snapshot{snapshot("a", 10, 9), snapshot("a", 15, 9), otherRun(snapshot("a", 40, 0), Run{1, 3})}, 40, 5 * time.Second, 2, 0},
		{"an interval in the new run", []*Snapshot{snapshot("a", 10, 9), otherRun(snapshot("a", 40, 0), Run{3, 3}), otherRun(snapshot("a", 47, 0), Run{3, 3})}, 47, 7 * time.Second, 2, 0},
		{"a run that is not reported", []*Snapshot{otherRun(snapshot("a", 10, 0), Run{})}, 10, 0, 1, 0},
		{"two sources", []*Snapshot{snapshot("a", 10, 1), otherSource(snapshot("a", 12, 2)), snapshot("a", 15, 3), otherSource(snapshot("a", 17, 4))}, 17, 5 * time.Second, 1, 4},
		{"a clock set back", []*Snapshot{snapshot("a", 1000, 1), snapshot("a", 1005, 2), snapshot("a", 10, 3), snapshot("a", 13, 4)}, 13, 3 * time.Second, 1, 4},
		{"a clock just set back", []*Snapshot{snapshot("a", 1000, 1), snapshot("a", 1005, 2), snapshot("a", 10, 3)}, 10, 5 * time.Second, 1, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l tape
			s := NewSensors(0)
			for _, snap := range tt.snapshots {
				s.Apply(l.add(snap))
			}
			status, _ := s.Get("a")
			require.Equal(t, epoch.Add(time.Duration(tt.last)*time.Second), status.LastSnapshot)
			require.Equal(t, tt.interval, status.SnapshotInterval)
			require.Equal(t, tt.runs, status.Runs)
			require.Equal(t, tt.matches, status.MatchesTotal.N)
			require.EqualValues(t, len(tt.snapshots), status.Snapshots)
			last := tt.snapshots[len(tt.snapshots)-1]
			require.Equal(t, last.Run, status.Run)
			require.Equal(t, last.Time.Sub(l.records[len(l.records)-1].Received), status.ClockOffset)
		})
	}
}

// Consumers have clocks of their own: received times may come in any order.
func TestHeard(t *testing.T) {
	s := NewSensors(0)
	for _, second := range []int{5, 2, 9, 7} {
		s.Apply(&Record{Received: epoch.Add(time.Duration(second) * time.Second), Logged: epoch, Body: &Drop{Hostname: "a"}})
	}
	status, _ := s.Get("a")
	require.Equal(t, epoch.Add(2*time.Second), status.FirstHeard)
	require.Equal(t, epoch.Add(9*time.Second), status.LastHeard)
}

func TestSensorsAreBounded(t *testing.T) {
	var l tape
	s := NewSensors(3)
	for _, hostname := range []string{"node-c", "node-a", "node-b", "node-d", "node-d", "node-a", ""} {
		s.Apply(l.add(&Malformed{Hostname: hostname}))
	}
	require.Equal(t, 3, s.Len())
	require.EqualValues(t, 2, s.Refused(), "records of the fourth")
	require.EqualValues(t, 1, s.Unnamed())
	var names []string
	for _, status := range s.List() {
		names = append(names, status.Hostname)
	}
	require.Equal(t, []string{"node-a", "node-b", "node-c"}, names, "sorted")
	require.EqualValues(t, 2, s.List()[0].Malformed)

	s.List()[0].Malformed = 100
	require.EqualValues(t, 2, s.List()[0].Malformed, "the list is a copy")

	// node-a was heard last, as record 6.
	require.Equal(t, 2, s.Forget(l.records[5].Logged))
	require.Equal(t, 1, s.Len())
	s.Apply(l.add(&Malformed{Hostname: "node-d"}))
	require.Equal(t, 2, s.Len(), "there is room again")
	require.Zero(t, s.Forget(time.Time{}))

	many := NewSensors(-1)
	for i := range DefaultMaxSensors + 5 {
		many.Apply(l.add(&Drop{Hostname: fmt.Sprint(i)}))
	}
	require.Equal(t, DefaultMaxSensors, many.Len())
	require.EqualValues(t, 5, many.Refused())
}
