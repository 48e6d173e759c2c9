package consumer_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// lossless are the scenarios in which all that was raised arrived, and nothing
// else was wrong.
var lossless = []string{"alert", "burst", "clean", "no-metadata", "no-runtime-metadata", "node-b"}

// quietSnapshots are those without an alert in the 250 ms before them: by these
// the account must close, whatever else there is.
func (r *recording) quietSnapshots() (quiet []time.Time) {
	for _, at := range r.snapshots {
		if r.count(correlate.Window{Start: at.Add(-250 * time.Millisecond), End: at}) == 0 {
			quiet = append(quiet, at)
		}
	}
	return quiet
}

// Where nothing was lost every window is proven that lies between the first
// snapshot and the last one that closes the account, less the settling margin; and
// no other.
func TestWindowsWithoutALossAreProven(t *testing.T) {
	for _, r := range named(t, lossless...) {
		t.Run(r.String(), func(t *testing.T) {
			state := replayed(t, r.records)
			quiet := r.quietSnapshots()
			first, closed := r.snapshots[0], quiet[len(quiet)-1]
			proven := 0
			for _, w := range r.windows() {
				c := state.Sensors().Coverage(w, []string{r.Hostname}, tolerance)
				if w.Start.Before(first) || w.End.Add(tolerance.Settling).After(closed) {
					if len(c.Gaps) == 0 {
						t.Fatalf("%s to %s is proven, and lies outside the proof", w.Start, w.End)
					}
					continue
				}
				proven++
				if len(c.Gaps) > 0 || c.Accounted != 1 || c.Heard != 1 {
					t.Fatalf("%s to %s is not proven: %+v", w.Start, w.End, c)
				}
			}
			require.Positive(t, proven)
			t.Logf("%d windows proven", proven)
		})
	}
}

// provenUpTo is up to when a window from the first snapshot on is proven, asked at
// the time and by trial: the latest snapshot, less the settling margin, at which
// one may end.
func (r *recording) provenUpTo(state *correlate.State, snapshots []time.Time) int {
	for i := len(snapshots) - 1; i > 0; i-- {
		w := correlate.Window{Start: snapshots[0], End: snapshots[i].Add(-tolerance.Settling)}
		if w.Start.Before(w.End) && len(gaps(state, w)) == 0 {
			return i
		}
	}
	return 0
}

// lags are how many snapshots the proof is behind the latest one, at each of them
// once the sensor's interval is known; before that nothing is proven.
func (r *recording) lags(tb testing.TB) (lags []int) {
	tb.Helper()
	state := replayed(tb, nil)
	n := 0
	for _, rec := range r.records {
		require.NoError(tb, state.Apply(rec))
		if _, ok := rec.Body.(*correlate.Snapshot); !ok {
			continue
		}
		n++
		up := r.provenUpTo(state, r.snapshots[:n])
		if n < known {
			require.Zero(tb, up, "nobody knows yet what silence is")
			continue
		}
		lags = append(lags, n-1-up)
	}
	return lags
}

// known is after how many snapshots the interval of a sensor is known: the first
// interval of a run does not count, and it takes three.
const known = 5

// Asked at the time, silence is proven with the very snapshot that ends it on a
// sensor that is quiet, and never more than one later in these recordings.
func TestProofFollowsTheSnapshots(t *testing.T) {
	for _, r := range named(t, lossless...) {
		if r.name == "burst" {
			continue
		}
		t.Run(r.String(), func(t *testing.T) {
			lags := r.lags(t)
			t.Logf("behind by %v snapshots", lags)
			quiet := r.quietSnapshots()
			for i, lag := range lags {
				if slices.Contains(quiet, r.snapshots[known-1+i]) {
					require.Zero(t, lag, "at the snapshot of %s", r.snapshots[known-1+i])
				}
				require.LessOrEqual(t, lag, 1)
			}
		})
	}
}

// A sensor that is never quiet is proven too, a few seconds late: the burst has
// 1,250 alerts a second for 15 seconds, and at two of its snapshots as many as 23
// of them had overtaken.
func TestProofAdvancesThroughABurst(t *testing.T) {
	for _, r := range named(t, "burst") {
		if r.cut() {
			continue
		}
		lags, quiet := r.lags(t), r.quietSnapshots()
		var busy []int
		for i, lag := range lags {
			if at := r.snapshots[known-1+i]; !slices.Contains(quiet, at) && at.After(r.Faults[0].Start) && at.Before(r.Faults[0].End.Add(time.Second)) {
				busy = append(busy, lag)
			}
		}
		t.Logf("behind by %v snapshots of 2 s, in the burst by %v", lags, busy)
		require.Len(t, busy, 7)
		for _, lag := range busy {
			require.LessOrEqual(t, lag, 2)
		}
		slices.Sort(busy)
		require.LessOrEqual(t, busy[len(busy)/2], 1, "half of the time")
	}
}

// One fault taints its own time only: every window is proven that ends with its
// settling margin before the last snapshot without it, and every one that begins
// with the first snapshot after it.
func TestOnlyTheTimeOfAFaultIsUnproven(t *testing.T) {
	// How many snapshots earlier and later the proof ends and begins. While alerts
	// pour in, the account was last closed before that, and what overtook the
	// snapshot after the loss is counted at the next.
	slack := map[string][2]int{"burst-two-readers": {3, 1}}
	for _, r := range named(t, "two-readers", "http-down", "burst-two-readers", "queue-drops", "kernel-drops", "restart", "reload", "late-metadata") {
		t.Run(r.String(), func(t *testing.T) {
			begin, end := r.hidden[0].Start, r.hidden[0].End
			for _, s := range r.hidden {
				begin, end = earlier(begin, s.Start), later(end, s.End)
			}
			after, _ := slices.BinarySearchFunc(r.snapshots, end, time.Time.Compare)
			before, _ := slices.BinarySearchFunc(r.snapshots, begin, time.Time.Compare)
			before, after = before-1-slack[r.name][0], after+slack[r.name][1]
			proofs := [...]span{{r.snapshots[0], r.snapshots[before]}, {r.snapshots[after], r.snapshots[len(r.snapshots)-1]}}

			state := replayed(t, r.records)
			var proven [len(proofs)]int
			for _, w := range r.windows() {
				found, whole := gaps(state, w), false
				for i, p := range proofs {
					if !w.Start.Before(p.Start) && !w.End.Add(tolerance.Settling).After(p.End) {
						whole = true
						proven[i]++
					}
				}
				if whole != (len(found) == 0) {
					t.Fatalf("%s to %s: gaps %+v", w.Start, w.End, found)
				}
			}
			t.Logf("%d windows proven before, %d after; %s unproven for a fault of %s", proven[0], proven[1],
				proofs[1].Start.Sub(proofs[0].End).Round(time.Millisecond), end.Sub(begin).Round(time.Millisecond))
			require.Positive(t, proven[0])
			require.Positive(t, proven[1])
		})
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
