package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Only a snapshot that found a flaw is counted and wakes who waits for its span.
func TestFlawsAreCountedAndTold(t *testing.T) {
	state := NewState(Limits{}, 0)
	state.sensors = watching("a")
	state.TakeChanges()
	state.sensors.Apply(snapshotOf("a", 65))
	changes := state.TakeChanges()
	require.True(t, changes.Progress)
	require.Empty(t, changes.Flawed)
	require.Zero(t, state.Sensors().ProofStats().Flawed[GapMissing])

	rec := snapshotOf("a", 70)
	rec.Body.(*Snapshot).MatchesTotal.N, rec.Body.(*Snapshot).RuleMatches = 1, []uint64{1}
	state.sensors.Apply(rec)
	require.Equal(t, []FlawedSpan{{"a", instant(seconds(65)), instant(seconds(70))}}, state.TakeChanges().Flawed)
	require.EqualValues(t, 1, state.Sensors().ProofStats().Flawed[GapMissing])
	require.Empty(t, state.TakeChanges(), "once")
}

// Sensors that have loaded the same rules share what is known of them.
func TestRulesetsAreShared(t *testing.T) {
	s := watching("a", "b")
	a, b := s.known["a"].ledger.ruleset(RulesetID{1}), s.known["b"].ledger.ruleset(RulesetID{1})
	require.NotNil(t, a)
	require.Same(t, a, b)
}

// Before the first snapshot there is nothing to say of a proof, whatever came.
func TestNoProofBeforeASnapshot(t *testing.T) {
	s := NewSensors(0)
	s.Apply(&Record{Logged: epoch, Body: &Alert{Hostname: "a", Rule: "r", Priority: Error, Time: epoch}})
	status, _ := s.Get("a")
	require.EqualValues(t, 1, status.Alerts)
	require.Zero(t, status.Proof)
}

// The status of a sensor has its sources together: rules that one of them counts,
// and the clock that is farthest off.
func TestProofOfSeveralSources(t *testing.T) {
	for _, tt := range []struct {
		name    string
		sources []string // in the order they are first heard
		counts  string   // the source that cites a ruleset with rules
		off     map[string]time.Duration
		behind  time.Duration
	}{
		{"the first counts, and is off", []string{"a", "b"}, "a", map[string]time.Duration{"a": time.Second, "b": time.Millisecond}, time.Second},
		{"the second counts, and is off", []string{"a", "b"}, "b", map[string]time.Duration{"a": time.Millisecond, "b": time.Second}, time.Second},
		{"ahead is farther than behind", []string{"a", "b"}, "a", map[string]time.Duration{"a": time.Millisecond, "b": -time.Second}, -time.Second},
		{"none counts", []string{"a", "b"}, "", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSensors(0)
			for id, rules := range [][]string{nil, {"Terminal shell"}} {
				s.Apply(&Record{Logged: epoch, Body: &Ruleset{Hostname: "n", ID: RulesetID{byte(id)}, Rules: rules}})
			}
			for at := 0.0; at <= 30; at += 5 {
				for i, source := range tt.sources {
					rec := snapshotOf("n", at+float64(i))
					snap := rec.Body.(*Snapshot)
					snap.EventSource, snap.Ruleset, snap.RuleMatches = source, RulesetID{}, nil
					if source == tt.counts {
						snap.Ruleset, snap.RuleMatches = RulesetID{1}, []uint64{0}
					}
					rec.Logged = rec.Logged.Add(tt.off[source])
					s.Apply(rec)
				}
			}
			status, _ := s.Get("n")
			require.Equal(t, tt.counts != "", status.Proof.RulesCounted)
			require.Equal(t, tt.behind, status.Proof.Behind)
			require.Equal(t, 5*time.Second, status.Proof.UsualInterval)
			require.Equal(t, tt.sources, status.Proof.Sources)
		})
	}
}

// With its first snapshot alone nothing is known of a sensor's clock, and no rule
// is counted without a ruleset.
func TestProofOfTheFirstSnapshot(t *testing.T) {
	s := NewSensors(0)
	s.Apply(snapshotOf("a", 0))
	status, _ := s.Get("a")
	require.Zero(t, status.Proof.Behind)
	require.False(t, status.Proof.RulesCounted)
	require.True(t, status.Proof.OffsetKnown)
}
