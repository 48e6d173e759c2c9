package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// wire is a ledger that is fed snapshots of several sources and runs.
type wire struct {
	ledger
	events map[string]uint64
}

func newWire() *wire {
	return &wire{ledger: newLedger(newRuleNames(), &ProofStats{}), events: map[string]uint64{}}
}

func (w *wire) snap(source string, run int64, at float64) flaws {
	w.events[source] += 1000
	return w.snapshot(&Snapshot{
		Time: instant(seconds(at)), EventSource: source, Run: Run{run, run}, MatchesTotal: Counter{Reported: true},
		KernelEvents: Counter{w.events[source], true}, KernelDrops: Counter{Reported: true},
	}, seconds(at))
}

// lastTally is the last span of the account.
func (w *wire) lastTally() tally { return w.account.tallies.spans[len(w.account.tallies.spans)-1] }

func TestLedgerRestarts(t *testing.T) {
	w := newWire()
	for at := 0.0; at <= 30; at += 5 {
		w.snap("syscall", 1, at)
		w.snap("k8s_audit", 1, at+1)
	}
	require.Equal(t, flawRestarted, w.snap("syscall", 2, 35))
	require.True(t, w.lastTally().flaws.has(flawRestarted))
	require.Equal(t, flawRestarted, w.snap("k8s_audit", 2, 36), "its own heartbeat begins anew")
	require.Zero(t, w.lastTally().flaws, "but the account has done so already")
	w.snap("syscall", 2, 40)
	w.events["syscall"] = 0
	require.True(t, w.snap("syscall", 2, 45).has(flawRestarted))
	require.True(t, w.lastTally().flaws.has(flawRestarted), "counters that go backwards concern the account too")
	require.Equal(t, seconds(36), w.heard(), "the least of its sources")
	w.snap("k8s_audit", 2, 46)
	require.Equal(t, seconds(45), w.heard())
	require.Equal(t, seconds(45), w.accounted())
}

// All sources are waited for, also one that a later run was not heard to have, and
// their order does not matter.
func TestHeardBySources(t *testing.T) {
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		w := newWire()
		for at := 0.0; at <= 40; at += 5 {
			for _, source := range order {
				w.snap(source, 2, at+map[string]float64{"a": 0, "b": 1}[source])
			}
		}
		require.Equal(t, seconds(40), w.heard(), order)
		w.snap("b", 3, 46)
		require.Equal(t, seconds(40), w.heard(), order)
		w.forget(seconds(40))
		require.Equal(t, seconds(40), w.heard(), order)
		w.forget(seconds(40) + 1)
		require.Equal(t, seconds(46), w.heard(), "until it is forgotten")
	}
	l := newLedger(newRuleNames(), &ProofStats{})
	l.mark() // without rulesets
}

func TestStaleSnapshotsChangeNothing(t *testing.T) {
	w := newWire()
	for at := 0.0; at <= 30; at += 5 {
		w.snap("syscall", 1, at)
	}
	w.events["syscall"] -= 3000
	require.Zero(t, w.snap("syscall", 1, 20))
	require.EqualValues(t, 1, w.stale)
	require.EqualValues(t, 1, w.account.stats.Stale)
	require.Equal(t, seconds(30), w.heard())
	w.events["syscall"] += 2000
	require.Zero(t, w.snap("syscall", 1, 35))
	require.Zero(t, w.lastTally().flaws)
}

func TestSourcesAreBounded(t *testing.T) {
	w := newWire()
	for i := range maxSources {
		w.snap(fmt.Sprint(i), 1, float64(i))
	}
	require.Len(t, w.heartbeats, maxSources)
	before := w.account.snapshot
	require.Zero(t, w.snap("one too many", 1, 20))
	require.Len(t, w.heartbeats, maxSources)
	require.Equal(t, before, w.account.snapshot, "and what it says is not used")
	require.Zero(t, newWire().heard(), "nothing was heard yet")
}

// A source that is the first to speak in a run is needed from there on, one of a
// run whose start was not heard all the time.
func TestNeededSince(t *testing.T) {
	w := newWire()
	w.snap("syscall", 1, 0)
	w.snap("late", 1, 3)
	require.Zero(t, w.heartbeat("late").needed)
	w.snap("first", 2, 10)
	require.Equal(t, seconds(10), w.heartbeat("first").needed)
	w.snap("syscall", 2, 11)
	w.snap("second", 2, 12)
	require.Equal(t, seconds(10), w.heartbeat("second").needed)
	require.Zero(t, w.heartbeat("syscall").needed)
}

func TestDropsConcernTheKernel(t *testing.T) {
	w := newWire()
	w.snap("syscall", 1, 0)
	w.snap("k8s_audit", 1, 1)
	w.snap("", 1, 2)
	w.drop(&Drop{Drops: Counter{1, true}})
	require.True(t, w.heartbeat("syscall").noted.has(flawKernelDrops))
	require.True(t, w.heartbeat("").noted.has(flawKernelDrops))
	require.False(t, w.heartbeat("k8s_audit").noted.has(flawKernelDrops))
	require.Nil(t, w.heartbeat("other"))
	w.note(flawSilent | flawClock)
	require.Equal(t, flawClock, w.account.noted, "silence is the heartbeat's")
}
