package consumer_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// Whichever alert is taken out of a recording without a loss: no window with its
// time is proven, at the end or at any snapshot before. Of the burst's alerts, of
// which thousands are alike, the first and the last between two snapshots are
// taken, and some more.
func TestNoAlertCanBeMissedUnnoticed(t *testing.T) {
	for _, r := range named(t, lossless...) {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			victims := r.victims()
			for _, victim := range victims {
				r.without(t, map[int]bool{victim: true})
			}
			t.Logf("%d alerts taken out, one at a time", len(victims))
			require.GreaterOrEqual(t, len(victims), 10)
		})
	}
}

// victims are the places of the alerts to take out.
func (r *recording) victims() (places []int) {
	dice := random(r)
	for i, rec := range r.records {
		if _, ok := rec.Body.(*correlate.Alert); !ok {
			continue
		}
		first := i == 0 || r.records[i-1].Body.Kind() != correlate.KindAlert
		last := i+1 == len(r.records) || r.records[i+1].Body.Kind() != correlate.KindAlert
		if first || last || len(r.records) < 1000 || dice.IntN(len(r.records)/30) == 0 {
			places = append(places, i)
		}
	}
	return places
}

// without replays the recording without some of its records, and wants nothing
// proven, at any snapshot, of the times of the alerts among them.
func (r *recording) without(t *testing.T, out map[int]bool) {
	t.Helper()
	var missing []correlate.Window
	var left []*correlate.Record
	for i, rec := range r.records {
		if !out[i] {
			left = append(left, rec)
			continue
		}
		if a, ok := rec.Body.(*correlate.Alert); ok {
			missing = append(missing, correlate.Window{Start: a.Time, End: a.Time.Add(1)})
		}
	}
	state := replayed(t, nil)
	for _, rec := range left {
		require.NoError(t, state.Apply(rec))
		if rec.Body.Kind() != correlate.KindSnapshot {
			continue
		}
		for _, w := range missing {
			if len(gaps(state, w)) == 0 {
				t.Fatalf("false pass at position %d: the alert of %s is missing, and its time is proven; %d records out: %v", rec.Position, w.Start, len(out), out)
			}
		}
	}
	// A larger window has the gaps of the smallest one.
	for _, w := range r.some(50) {
		hides := slices.ContainsFunc(missing, func(m correlate.Window) bool { return w.Contains(m.Start) })
		if hides && len(gaps(state, w)) == 0 {
			t.Fatalf("false pass: %s to %s is proven; records out: %v", w.Start, w.End, out)
		}
	}
}

// Any number of messages of any kind may be lost, as to a second reader, who takes
// snapshots too.
func TestNoMessagesCanBeMissedUnnoticed(t *testing.T) {
	for _, r := range named(t, append(lossless, "kernel-drops", "queue-drops", "restart", "reload", "late-metadata")...) {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			dice := random(r)
			for range min(60, 20_000/len(r.records)) {
				out := map[int]bool{}
				switch spell := dice.IntN(len(r.records)); dice.IntN(2) {
				case 0: // here and there
					for range 1 + dice.IntN(6) {
						out[dice.IntN(len(r.records))] = true
					}
				case 1: // half of what comes for a while
					for i := spell; i < min(len(r.records), spell+1+len(r.records)/8); i++ {
						out[i] = dice.IntN(2) == 0
					}
				}
				r.without(t, out)
			}
		})
	}
}

// A loss is as large as the number of alerts that have overtaken the snapshot
// behind it, or nearly: o is then what it was before. The snapshot after it may be
// lost too.
func TestLossesBehindAnOvertakingAreNoticed(t *testing.T) {
	overtaken := 0
	for _, r := range named(t, lossless...) {
		state := replayed(t, nil)
		before := 0 // the place of the snapshot before
		for i, rec := range r.records {
			require.NoError(t, state.Apply(rec))
			if rec.Body.Kind() != correlate.KindSnapshot {
				continue
			}
			known, _ := state.Sensors().Get(r.Hostname)
			if o := int(known.Proof.Offset); o > 0 {
				overtaken++
				next := i + 1 + slices.IndexFunc(r.records[i+1:], func(rec *correlate.Record) bool { return rec.Body.Kind() == correlate.KindSnapshot })
				for _, n := range []int{1, o - 1, o, o + 1} {
					for _, from := range []int{before + 1, (before + i) / 2, i - n} {
						out := map[int]bool{}
						for k := from; k < from+n; k++ {
							out[k] = true
						}
						r.without(t, out)
						out[next] = true
						r.without(t, out)
					}
				}
			}
			before = i
		}
	}
	require.Equal(t, 4, overtaken, "snapshots: two of the burst, and the first again in its two beginnings")
}
