package consumer_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// grid is how far apart the windows' ends are that the recordings are asked about.
const grid = 500 * time.Millisecond

// windows are all that start and end on the grid within the recording's time and
// two seconds around it, and the one that the scenario is about.
func (r *recording) windows() []correlate.Window {
	first, last := r.records[0].Logged, r.records[len(r.records)-1].Logged
	var ends []time.Time
	for t := first.Add(-2 * time.Second).Truncate(grid); t.Before(last.Add(2 * time.Second)); t = t.Add(grid) {
		ends = append(ends, t)
	}
	all := []correlate.Window{r.window()}
	for i, start := range ends {
		for _, end := range ends[i+1:] {
			all = append(all, correlate.Window{Start: start, End: end})
		}
	}
	return all
}

// hides reports whether something in the window did not arrive.
func (r *recording) hides(w correlate.Window) bool {
	return r.mute() || slices.ContainsFunc(r.hidden, func(s span) bool { return s.touches(w) })
}

// count is how many of the received alerts lie in the window.
func (r *recording) count(w correlate.Window) int {
	from, _ := slices.BinarySearchFunc(r.alerts, w.Start, time.Time.Compare)
	to, _ := slices.BinarySearchFunc(r.alerts, w.End, time.Time.Compare)
	return to - from
}

// gaps are what the window lacks to be proven.
func gaps(state *correlate.State, w correlate.Window) []correlate.Gap {
	return state.Sensors().Coverage(w, nil, tolerance).Gaps
}

// Over every recording and whatever the window: what Falco raised and did not
// arrive, and what it never saw, is never covered by a proof; and what did arrive
// is in the index.
func TestNoWindowIsProvenThatLacksAnAlert(t *testing.T) {
	for _, r := range everything(t) {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			state := replayed(t, r.records)
			hiding, proven, unproven := 0, 0, 0
			for _, w := range r.windows() {
				found := gaps(state, w)
				switch {
				case r.hides(w):
					hiding++
					if len(found) == 0 {
						t.Fatalf("false pass: %s to %s is proven, and not all of it arrived", w.Start, w.End)
					}
				case len(found) == 0:
					proven++
				default:
					unproven++
				}
				counts, err := state.Index().Count(correlate.Query{Scope: correlate.Everything, Window: w, MinPriority: correlate.Debug})
				require.NoError(t, err)
				if want := r.count(w); counts.Total() != uint64(want) {
					t.Fatalf("%d alerts in the index from %s to %s, want %d", counts.Total(), w.Start, w.End, want)
				}
			}
			t.Logf("%d windows lack something and are not proven; of the others %d are, %d are not", hiding, proven, unproven)
			require.Equal(t, len(r.hidden) > 0 || r.mute(), hiding > 0)
			require.Equal(t, !r.mute(), proven > 0)
		})
	}
}

// The same at every moment of the recording: a loss must not be taken for proof in
// the time before it shows. The windows are the smallest there are, since a larger
// one has all their gaps.
func TestNoWindowIsProvenBeforeItsLossShows(t *testing.T) {
	for _, r := range everything(t) {
		if len(r.hidden) == 0 {
			continue
		}
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			state := replayed(t, nil)
			asked := 0
			for _, rec := range r.records {
				require.NoError(t, state.Apply(rec))
				if _, ok := rec.Body.(*correlate.Snapshot); !ok {
					continue // it proves nothing
				}
				for _, s := range r.hidden {
					for _, w := range tight(s) {
						asked++
						if len(gaps(state, w)) == 0 {
							t.Fatalf("false pass at position %d: %s to %s is proven, and not all of it arrived", rec.Position, w.Start, w.End)
						}
					}
				}
			}
			t.Logf("%d windows asked about", asked)
		})
	}
}

// tight are small windows that touch a span: at its ends, and 10 ms apart within.
func tight(s span) (all []correlate.Window) {
	for at := s.Start; !at.After(s.End); at = at.Add(10 * time.Millisecond) {
		all = append(all, correlate.Window{Start: at, End: at.Add(1)})
	}
	return append(all, correlate.Window{Start: s.End, End: s.End.Add(1)})
}

// figures are what the gaps of one kind sum up to.
type figures struct{ missing, queueDrops, kernelDrops uint64 }

// What a window lacks is named, with figures that are the truth's.
func TestGapsOfTheScenarios(t *testing.T) {
	whole := map[string]map[correlate.GapKind]figures{
		"clean": {}, "alert": {}, "node-b": {}, "no-metadata": {}, "no-runtime-metadata": {},
		"two-readers":       {correlate.GapMissing: {missing: 9}, correlate.GapSilent: {}},
		"http-down":         {correlate.GapMissing: {missing: 3}, correlate.GapSilent: {}},
		"burst-two-readers": {correlate.GapMissing: {missing: 776}},
		"queue-drops":       {correlate.GapMissing: {missing: 32}, correlate.GapQueueDrops: {queueDrops: 32}},
		"kernel-drops":      {correlate.GapKernelDrops: {kernelDrops: 219_124}},
		"restart":           {correlate.GapRestarted: {}},
		"reload":            {correlate.GapRestarted: {}},
		"late-metadata":     {correlate.GapRestarted: {}, correlate.GapSilent: {}},
		"no-metrics":        {correlate.GapSilent: {}},
		"text":              {correlate.GapNoSensor: {}},
	}
	seen := 0
	for _, r := range everything(t) {
		want, ok := whole[r.name]
		if !ok {
			require.Equal(t, "burst", r.name)
			if want = map[correlate.GapKind]figures{}; r.cut() {
				want = map[correlate.GapKind]figures{correlate.GapPending: {}, correlate.GapSilent: {}}
			}
		}
		seen++
		t.Run(r.String(), func(t *testing.T) {
			state := replayed(t, r.records)
			have := map[correlate.GapKind]figures{}
			for _, g := range gaps(state, r.window()) {
				f := have[g.Kind]
				have[g.Kind] = figures{f.missing + g.Missing, f.queueDrops + g.QueueDrops, f.kernelDrops + g.KernelDrops}
			}
			require.Equal(t, want, have)
			if r.name != "queue-drops" { // what Falco itself threw away is not in the truth
				require.Equal(t, uint64(r.Lost[r.stream]), have[correlate.GapMissing].missing)
			}
			require.Equal(t, r.name == "text", state.Malformed(r.window(), nil) > 0)
			if !r.cut() {
				require.Equal(t, r.Received[r.stream], len(r.alerts), "alerts that came") //nolint:testifylint // Len prints them all
			}
		})
	}
	require.Equal(t, 28, seen)
}

// The counters of single rules say which rules' alerts are missing.
func TestMissingAlertsAreNamedByRule(t *testing.T) {
	for name, want := range map[string]map[string]uint64{
		"two-readers": {
			"Clear_Log_Activities": 1, "Decoding_Payload_in_Container": 2, "Detect_crypto_miners_using_the_Stratum_protocol": 2,
			"Drop_and_execute_new_binary_in_container": 1, "Launch_Ingress_Remote_File_Copy_Tools_in_Container": 1,
			"Mkdir_binary_dirs": 1, "Write_below_etc": 1,
		},
		"http-down":         {"Detect_crypto_miners_using_the_Stratum_protocol": 2, "Set_Setuid_or_Setgid_bit": 1},
		"burst-two-readers": {"Read_sensitive_file_untrusted": 776},
		// Two by the miner, and all but 6 of 36 by cat: what the actions' commands say.
		"queue-drops": {"Detect_crypto_miners_using_the_Stratum_protocol": 2, "Read_sensitive_file_untrusted": 30},
	} {
		for _, r := range named(t, name) {
			t.Run(r.String(), func(t *testing.T) {
				have := map[string]uint64{}
				for _, g := range gaps(replayed(t, r.records), r.window()) {
					for _, l := range g.Lost {
						have[l.Rule] += l.Missing
					}
				}
				require.Equal(t, want, have)
				if name == "queue-drops" {
					return
				}
				truth := map[string]uint64{}
				for _, a := range r.lost {
					truth[metric(a.Rule)]++
				}
				require.Equal(t, truth, have)
			})
		}
	}
}

// metric is how Falco names a rule's counter, as far as these rules go.
func metric(rule string) string {
	out := []byte(rule)
	for i, c := range out {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			out[i] = '_'
		}
	}
	return string(out)
}
