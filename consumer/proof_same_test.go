package consumer_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// random is a source that gives the same every time, for each recording another.
func random(r *recording) *rand.Rand {
	seed := uint64(len(r.records))
	for _, c := range []byte(r.String()) {
		seed = seed*131 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, 7))
}

// numbered are copies of records with positions from 1 on.
func numbered(records []*correlate.Record) []*correlate.Record {
	out := make([]*correlate.Record, len(records))
	for i, rec := range records {
		c := *rec
		c.Position = uint64(i + 1)
		out[i] = &c
	}
	return out
}

// answers are what a state says of all windows, of each span, and of the sensor.
func (r *recording) answers(state *correlate.State, windows []correlate.Window) (all []any) {
	for _, w := range windows {
		counts, err := state.Index().Count(correlate.Query{Scope: correlate.Everything, Window: w, MinPriority: correlate.Debug})
		all = append(all, state.Sensors().Coverage(w, nil, tolerance), state.Malformed(w, nil), counts, err)
	}
	accounted, heard := state.Sensors().Proven(nil)
	whole := correlate.Window{Start: r.records[0].Logged.Add(-time.Minute), End: r.records[len(r.records)-1].Logged.Add(time.Minute)}
	return append(all, accounted, heard, state.Sensors().Spans(r.Hostname, whole, tolerance.Settling))
}

// requireSame compares answers one by one: together they are too long to show how
// they differ.
func requireSame(t *testing.T, want, have []any, at string) {
	t.Helper()
	require.Equal(t, len(want), len(have), at) //nolint:testifylint // Len prints them all
	for i := range want {
		require.Equal(t, want[i], have[i], at)
	}
}

// some are a few of the windows, the same every time.
func (r *recording) some(n int) []correlate.Window {
	all, dice := r.windows(), random(r)
	out := []correlate.Window{r.window()}
	for range n {
		out = append(out, all[dice.IntN(len(all))])
	}
	return out
}

// At one position a state says the same, whether it was asked all the way there,
// or built from the log's beginning at once.
func TestTheSameAtTheSamePosition(t *testing.T) {
	for _, r := range everything(t) {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			windows := r.some(12)
			// Long recordings are compared at some of their positions.
			every := max(1, len(r.records)/30)
			asked := replayed(t, nil)
			for i, rec := range r.records {
				require.NoError(t, asked.Apply(rec))
				if (i+1)%every != 0 && i+1 != len(r.records) {
					continue
				}
				fresh := replayed(t, r.records[:i+1])
				require.Equal(t, fresh.Position(), asked.Position())
				requireSame(t, r.answers(fresh, windows), r.answers(asked, windows), fmt.Sprintf("at position %d", rec.Position))
			}
		})
	}
}

// A message that comes again changes nothing: neither what is proven nor what is
// counted, whenever it comes.
func TestCopiesChangeNothing(t *testing.T) {
	for _, r := range everything(t) {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			if r.name == "text" {
				t.Skip("a message that can't be read can't be told from its copy")
			}
			windows, dice := r.some(40), random(r)
			want := r.answers(replayed(t, r.records), windows)
			for range min(20, 1+20_000/len(r.records)) {
				again := slices.Clone(r.records)
				for range 1 + dice.IntN(len(r.records)) {
					// After the first one, and logged then.
					from := dice.IntN(len(again))
					to := from + 1 + dice.IntN(len(again)-from)
					c := *again[from]
					c.Logged = again[to-1].Logged
					again = slices.Insert(again, to, &c)
				}
				requireSame(t, want, r.answers(replayed(t, numbered(again)), windows), "with copies")
			}
		})
	}
}

// A Falco with both outputs on may be heard over both. What comes twice is counted
// once, and proven.
func TestBothOutputsOfOneFalco(t *testing.T) {
	over := map[string][]*recording{}
	for _, r := range named(t, "alert", "clean", "no-runtime-metadata", "node-b") {
		over[r.name] = append(over[r.name], r)
	}
	for name, r := range over {
		t.Run(name, func(t *testing.T) {
			require.Len(t, r, 2)
			both := slices.Concat(r[0].records, r[1].records)
			slices.SortStableFunc(both, func(a, b *correlate.Record) int {
				return cmp.Or(a.Logged.Compare(b.Logged), cmp.Compare(a.Position, b.Position))
			})
			windows := r[1].windows()
			// HTTP is first with each message.
			requireSame(t, r[1].answers(replayed(t, r[1].records), windows), r[1].answers(replayed(t, numbered(both)), windows), "over both")
		})
	}
}
