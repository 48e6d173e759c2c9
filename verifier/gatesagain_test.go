package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// Who opens a gate once more gets the one that is there, whatever became of it, and
// however the times were said.
func TestOpenGateOnceMore(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	for _, tt := range []struct {
		name string
		spec func(now time.Time) verifier.GateSpec
	}{
		{"times from when it was opened", func(now time.Time) verifier.GateSpec {
			return verifier.GateSpec{Start: now.Add(-time.Minute), End: now.Add(10 * time.Minute), Deadline: now.Add(time.Hour)}
		}},
		{"times in another zone", func(time.Time) verifier.GateSpec {
			return verifier.GateSpec{Start: at(time.Minute).In(zone), End: epoch.Add(10 * time.Minute).In(zone)}
		}},
		{"a window that is long over", func(now time.Time) verifier.GateSpec {
			return verifier.GateSpec{Start: now.Add(-12 * time.Minute), End: now.Add(-10 * time.Minute), Sensor: "node-z"}
		}},
		{"no end", func(time.Time) verifier.GateSpec { return verifier.GateSpec{} }},
		{"no labels", func(time.Time) verifier.GateSpec { return verifier.GateSpec{Labels: map[string]string{}} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r := startGates(t, w.log, w.store, w.clock, 1)
				spec := func(now time.Time) (verifier.GateSpec, error) {
					s := tt.spec(now)
					s.ID, s.Namespace = "g", "shadow-1"
					return s, nil
				}
				open := func() *verifier.Gate {
					gate, opened, err := r.gates.OpenAt(t.Context(), spec)
					require.NoError(t, err)
					require.False(t, opened)
					return gate
				}
				first, opened, err := r.gates.OpenAt(t.Context(), spec)
				require.NoError(t, err)
				require.True(t, opened)
				time.Sleep(10 * time.Second)
				require.Equal(t, first, open())
				closed, err := r.gates.Close(t.Context(), "g", time.Time{})
				require.NoError(t, err)
				require.Equal(t, closed, open())
				time.Sleep(2 * time.Hour)
				require.Equal(t, verifier.GateDecided, open().State, "the times have passed by now")

				wrong := errors.New("no")
				_, _, err = r.gates.OpenAt(t.Context(), func(time.Time) (verifier.GateSpec, error) { return verifier.GateSpec{}, wrong })
				require.ErrorIs(t, err, wrong)
			})
		})
	}
}

// A verdict that lists large alerts lists fewer, so that the store takes it.
func TestGateVerdictFitsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		for i := range 5 {
			a := inPod("shadow-1", fmt.Sprint("web-", i), at(time.Minute), correlate.Warning)
			a.Output = strings.Repeat("x", 300<<10)
			w.falco.alert(a)
		}
		synctest.Wait()
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", Start: at(2 * time.Minute)})
		require.NoError(t, err)
		synctest.Wait()
		data, _, err := w.store.Get(t.Context(), "g")
		require.NoError(t, err)
		require.Less(t, len(data), verifier.MaxEventBytes+4096)
		v := r.verdictOf(t, "g")
		require.Equal(t, verifier.Fail, v.Verdict)
		require.EqualValues(t, 5, v.AlertCount)
		require.Len(t, v.Alerts, 1)
		require.True(t, v.Truncated)
		var published verifier.Verdict
		require.NoError(t, json.Unmarshal(w.log.Verdicts()[0].Data, &published, verifier.JSONOptions))
		require.Equal(t, v, &published)
	})
}

// refusing is a store that never takes certain gates once they are there.
type refusing struct{ *memlog.Gates }

func (r refusing) Put(ctx context.Context, id string, data []byte, revision uint64) (uint64, error) {
	if revision > 0 && strings.HasPrefix(id, "bad") {
		return 0, errors.New("refused")
	}
	return r.Gates.Put(ctx, id, data, revision)
}

// Gates whose verdicts can't be stored hold up no others.
func TestBadGatesHoldUpNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, refusing{w.store}, w.clock, 0)
		for i := range 64 {
			_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: fmt.Sprint("bad-", i), Namespace: "shadow-1"})
			require.NoError(t, err)
		}
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "good", Namespace: "shadow-1"})
		require.NoError(t, err)
		w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning))
		synctest.Wait()
		require.NotNil(t, r.verdictOf(t, "good"))
	})
}

// What a gate's verdict rests on is explained, also when its window had not ended.
func TestGateVerdictIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		for id, end := range map[string]time.Time{"ends": epoch.Add(time.Minute), "open": {}} {
			_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: id, Namespace: "shadow-1", End: end})
			require.NoError(t, err)
		}
		w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning))
		synctest.Wait()
		for _, id := range []string{"ends", "open"} {
			v := r.verdictOf(t, id)
			require.True(t, v.EvaluatedAt.Before(v.Window.End))
			e, err := r.service.Explain(t.Context(), v.ID, nil)
			require.NoError(t, err)
			require.True(t, e.Identical, "%v", e.Differences)
		}
	})
}

// A list has nothing of what verdicts withhold.
func TestGateListWithholds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute)})
		require.NoError(t, err)
		w.falco.raised++
		w.goOn(10 * time.Minute)
		whole := r.verdictOf(t, "g")
		require.Contains(t, whole.Message, "shell")
		list, err := r.gates.List(verifier.GateFilter{})
		require.NoError(t, err)
		require.Equal(t, whole.ID, list[0].Verdict.ID)
		require.EqualValues(t, "alerts_missing", list[0].Verdict.Reason)
		require.NotContains(t, list[0].Verdict.Message, "shell")
	})
}

// Gates are not looked at before the index is there: what it lacks is no reason to
// give up proof.
func TestGatesWaitForTheIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		first := startGates(t, w.log, w.store, w.clock, 0)
		for _, id := range []string{"waits", "is-due"} {
			spec := verifier.GateSpec{ID: id, Namespace: "shadow-1", End: epoch.Add(time.Minute)}
			if id == "is-due" {
				spec.Deadline = epoch.Add(time.Minute)
			}
			_, _, err := first.gates.Open(t.Context(), spec)
			require.NoError(t, err)
		}
		first.stop()
		w.log.Hold()
		second := startGates(t, w.log, w.store, w.clock, 0)
		w.goOn(90 * time.Second)
		require.Nil(t, second.verdictOf(t, "is-due"))
		w.log.Release()
		synctest.Wait()
		for _, id := range []string{"waits", "is-due"} {
			require.Equal(t, verifier.Pass, second.verdictOf(t, id).Verdict, id)
		}
	})
}

// Who trusts in silence trusts in the whole window's, and not in that of its beginning.
func TestGateDoesNotPassBeforeItsEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  time.Time
		then func(*world, *replica) error
		want verifier.Outcome
		at   time.Duration // from epoch
	}{
		{"at its end", epoch.Add(time.Minute), nil, verifier.Pass, time.Minute + verifier.DefaultSettling},
		{"with an alert before its end", epoch.Add(time.Minute), func(w *world, _ *replica) error {
			time.Sleep(59 * time.Second)
			w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning))
			return nil
		}, verifier.Fail, 59 * time.Second},
		{"with an alert that was on its way", epoch.Add(time.Minute), func(w *world, _ *replica) error {
			time.Sleep(time.Minute + 500*time.Millisecond)
			w.falco.alert(inPod("shadow-1", "web", epoch.Add(59*time.Second), correlate.Warning))
			return nil
		}, verifier.Fail, time.Minute + 500*time.Millisecond},
		{"once it is closed", time.Time{}, func(w *world, r *replica) error {
			time.Sleep(time.Hour)
			_, err := r.gates.Close(context.Background(), "g", time.Time{})
			return err
		}, verifier.Pass, time.Hour + verifier.DefaultSettling},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r := startGates(t, w.log, w.store, w.clock, 0)
				_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: tt.end, Evidence: verifier.None})
				require.NoError(t, err)
				synctest.Wait()
				require.Nil(t, r.verdictOf(t, "g"))
				if tt.then != nil {
					require.NoError(t, tt.then(w, r))
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				v := r.verdictOf(t, "g")
				require.NotNil(t, v)
				require.Equal(t, tt.want, v.Verdict)
				require.Equal(t, epoch.Add(tt.at), v.EvaluatedAt)
			})
		})
	}
}
