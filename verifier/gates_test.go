package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// replica is a falcogate that decides gates, in a bubble whose time begins at epoch.
type replica struct {
	gates   *verifier.Gates
	service *verifier.Service
	stop    func()
}

// bubbleClock is the time in the bubble, counted from epoch.
func bubbleClock() func() time.Time {
	began := time.Now()
	return func() time.Time { return epoch.Add(time.Since(began)) }
}

func startGates(t *testing.T, log *memlog.Log, store verifier.GateStore, clock func() time.Time, maxOpen int) *replica {
	t.Helper()
	return startGatesAt(t, log, log, store, clock, maxOpen)
}

// startGatesAt is startGates with a log of its own to publish to.
func startGatesAt(t *testing.T, log *memlog.Log, verdicts verifier.Log, store verifier.GateStore, clock func() time.Time, maxOpen int) *replica {
	t.Helper()
	tail := verifier.NewTail(verifier.TailOptions{Log: log, Now: clock})
	service := verifier.NewService(verifier.ServiceOptions{
		Log: verdicts, Tail: tail, Now: clock, Policy: verifier.DefaultPolicy(),
		Subject: func(namespace, verdict string) string { return "falcogate.verdict." + namespace + "." + verdict },
	})
	r := &replica{service: service, gates: verifier.NewGates(verifier.GatesOptions{Service: service, Store: store, MaxOpen: maxOpen})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- tail.Run(ctx) }()
	go func() { done <- r.gates.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("stopping: %v", err)
			}
		}
	}
	t.Cleanup(r.stop)
	synctest.Wait()
	return r
}

// world is a log with a sensor that is well up to epoch, a store, and a clock.
type world struct {
	log   *memlog.Log
	store *memlog.Gates
	falco *falco
	clock func() time.Time
}

func newWorld() *world {
	w := &world{log: memlog.New(), store: memlog.NewGates(), clock: bubbleClock()}
	w.falco = newFalco(w.log, "node-a")
	w.falco.beats(at(15*time.Minute), epoch)
	return w
}

// goOn lets time go by, with a snapshot every five seconds.
func (w *world) goOn(d time.Duration) {
	for ; d > 0; d -= 5 * time.Second {
		time.Sleep(5 * time.Second) // of the bubble's time
		w.falco.snapshot(w.clock())
		synctest.Wait()
	}
}

// verdictOf is the gate's verdict as it is stored, or nil.
func (r *replica) verdictOf(t *testing.T, id string) *verifier.Verdict {
	t.Helper()
	gate, err := r.gates.Get(t.Context(), id)
	require.NoError(t, err)
	return gate.Verdict
}

// published are the verdicts that the log has, by gate.
func (w *world) published(t *testing.T) map[string][]verifier.Outcome {
	t.Helper()
	all := map[string][]verifier.Outcome{}
	for _, p := range w.log.Verdicts() {
		var v verifier.Verdict
		require.NoError(t, json.Unmarshal(p.Data, &v, verifier.JSONOptions))
		require.NoError(t, verifier.SchemaError("verdict", p.Data))
		require.Equal(t, v.ID, p.ID)
		require.NotNil(t, v.Gate)
		all[v.Gate.ID] = append(all[v.Gate.ID], v.Verdict)
	}
	return all
}

func TestGateIsDecidedOnce(t *testing.T) {
	shell := func(w *world) { w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning)) }
	for _, tt := range []struct {
		name string
		spec func(*verifier.GateSpec)
		then func(*world, *replica)
		want verifier.Outcome
		code verifier.ReasonCode
	}{
		{"passes once it is proven", nil, func(w *world, _ *replica) { w.goOn(90 * time.Second) }, verifier.Pass, verifier.ReasonProven},
		{"fails with the first alert", nil, func(w *world, _ *replica) { shell(w) }, verifier.Fail, verifier.ReasonAlerts},
		{"is inconclusive at its deadline", nil, func(w *world, _ *replica) { time.Sleep(10 * time.Minute) }, verifier.Inconclusive, "silent"},
		{"has a gap that never closes", nil, func(w *world, _ *replica) {
			w.falco.raised++
			w.goOn(10 * time.Minute)
		}, verifier.Inconclusive, "alerts_missing"},
		{"has a gap, and an alert behind it", nil, func(w *world, _ *replica) {
			w.falco.raised++
			w.goOn(30 * time.Second)
			shell(w)
		}, verifier.Fail, verifier.ReasonAlerts},
		{"is closed and passes", func(s *verifier.GateSpec) { s.End = time.Time{} }, func(w *world, r *replica) {
			w.goOn(time.Minute)
			_, err := r.gates.Close(context.Background(), "g", time.Time{})
			if err != nil {
				panic(err)
			}
			w.goOn(30 * time.Second)
		}, verifier.Pass, verifier.ReasonProven},
		{"is closed before the alert", func(s *verifier.GateSpec) { s.End = time.Time{} }, func(w *world, r *replica) {
			w.goOn(time.Minute)
			if _, err := r.gates.Close(context.Background(), "g", w.clock()); err != nil {
				panic(err)
			}
			time.Sleep(time.Second)
			shell(w)
			w.goOn(30 * time.Second)
		}, verifier.Pass, verifier.ReasonProven},
		{"is never closed", func(s *verifier.GateSpec) { s.End, s.Deadline = time.Time{}, epoch.Add(5*time.Minute) }, func(w *world, _ *replica) { w.goOn(6 * time.Minute) }, verifier.Inconclusive, "pending"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				replicas := []*replica{startGates(t, w.log, w.store, w.clock, 0), startGates(t, w.log, w.store, w.clock, 0)}
				spec := verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute), Labels: map[string]string{"run": "7"}}
				if tt.spec != nil {
					tt.spec(&spec)
				}
				gate, opened, err := replicas[0].gates.Open(t.Context(), spec)
				require.NoError(t, err)
				require.True(t, opened)
				require.Equal(t, verifier.GateOpen, gate.State)
				// What does not bear on it decides nothing.
				w.falco.alert(inPod("shadow-2", "web", w.clock(), correlate.Critical))
				w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Notice))
				synctest.Wait()
				require.Nil(t, replicas[1].verdictOf(t, "g"))

				tt.then(w, replicas[0])
				synctest.Wait()
				v := replicas[1].verdictOf(t, "g")
				require.NotNil(t, v, "%s", gate.Deadline)
				require.Equal(t, tt.want, v.Verdict, v.Message)
				require.Equal(t, tt.code, v.Reason, v.Message)
				require.Equal(t, map[string]string{"run": "7"}, v.Gate.Labels)

				// It never changes, and is published once, whatever comes.
				shell(w)
				w.goOn(time.Minute)
				require.Equal(t, v, replicas[0].verdictOf(t, "g"))
				require.Equal(t, map[string][]verifier.Outcome{"g": {tt.want}}, w.published(t))
				for _, r := range replicas {
					list, err := r.gates.List(verifier.GateFilter{Namespace: "shadow-1", State: verifier.GateDecided, Labels: map[string]string{"run": "7"}})
					require.NoError(t, err)
					require.Len(t, list, 1)
					require.True(t, list[0].Published)
					r.stop()
				}
			})
		})
	}
}

// Whoever crashes between storing the verdict and publishing it leaves that to others,
// and to itself when it is back.
func TestGateVerdictIsPublishedAfterACrash(t *testing.T) {
	for _, tt := range []struct {
		name  string
		early bool          // it was published
		ahead time.Duration // of the clock of the one that crashes
	}{
		{"published before the crash", true, 0},
		{"not published before the crash", false, 0},
		{"published by one whose clock is ahead", true, 10 * time.Minute},
		{"not published by one whose clock is ahead", false, 10 * time.Minute},
		{"published by one whose clock is behind", true, -10 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				first := startGates(t, w.log, w.store, func() time.Time { return w.clock().Add(tt.ahead) }, 0)
				_, _, err := first.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", Start: at(12 * time.Minute), End: epoch.Add(time.Minute), Deadline: epoch.Add(time.Hour)})
				require.NoError(t, err)
				w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning))
				synctest.Wait()
				gate, err := first.gates.Get(t.Context(), "g")
				require.NoError(t, err)
				require.True(t, gate.Published)
				first.stop()

				// As it was stored before that was noted.
				gate.Published = false
				data, err := json.Marshal(gate, verifier.JSONOptions)
				require.NoError(t, err)
				_, revision, err := w.store.Get(t.Context(), "g")
				require.NoError(t, err)
				_, err = w.store.Put(t.Context(), "g", data, revision)
				require.NoError(t, err)
				if !tt.early {
					w.log.ForgetVerdicts()
				}
				time.Sleep(10 * time.Minute) // longer than the log remembers ids
				second, third := startGates(t, w.log, w.store, w.clock, 0), startGates(t, w.log, w.store, w.clock, 0)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				require.Equal(t, map[string][]verifier.Outcome{"g": {verifier.Fail}}, w.published(t))
				gate, err = second.gates.Get(t.Context(), "g")
				require.NoError(t, err)
				require.True(t, gate.Published)
				second.stop()
				third.stop()
			})
		})
	}
}

// A store that is away delays a verdict, and loses none.
func TestGateStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute)})
		require.NoError(t, err)
		w.store.Break(errors.New("away"))
		w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning))
		w.goOn(30 * time.Second)
		require.Empty(t, w.published(t))
		w.store.Break(nil)
		w.goOn(5 * time.Second)
		require.Equal(t, map[string][]verifier.Outcome{"g": {verifier.Fail}}, w.published(t))
		r.stop()
	})
}

// Gates outlive the process that opened them.
func TestGatesOutliveTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		first := startGates(t, w.log, w.store, w.clock, 0)
		for i := range 20 {
			_, _, err := first.gates.Open(t.Context(), verifier.GateSpec{ID: fmt.Sprint("g", i), Namespace: fmt.Sprint("shadow-", i%2), End: epoch.Add(time.Minute)})
			require.NoError(t, err)
		}
		first.stop()
		w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning)) // while nobody looks
		second := startGates(t, w.log, w.store, w.clock, 0)
		w.goOn(90 * time.Second)
		var outcomes []verifier.Outcome
		for _, list := range w.published(t) {
			outcomes = append(outcomes, list...)
		}
		slices.Sort(outcomes)
		require.Equal(t, slices.Sorted(slices.Values(append(slices.Repeat([]verifier.Outcome{verifier.Fail}, 10), slices.Repeat([]verifier.Outcome{verifier.Pass}, 10)...))), outcomes)
		second.stop()
	})
}

func TestOpenGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 2)
		ctx := t.Context()
		spec := verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute)}
		first, opened, err := r.gates.Open(ctx, spec)
		require.NoError(t, err)
		require.True(t, opened)
		require.Equal(t, epoch, first.Start, "now, when it has no start")
		require.Equal(t, spec.End.Add(verifier.DefaultPatience), first.Deadline)
		require.Equal(t, correlate.Warning, first.Severity)

		time.Sleep(10 * time.Second)
		again, opened, err := r.gates.Open(ctx, spec)
		require.NoError(t, err)
		require.False(t, opened)
		require.Equal(t, first, again, "the same gate is the same one")
		other := spec
		other.Severity = correlate.Critical
		_, _, err = r.gates.Open(ctx, other)
		require.ErrorIs(t, err, verifier.ErrGateDiffers)

		made, opened, err := r.gates.Open(ctx, verifier.GateSpec{Namespace: "shadow-1"})
		require.NoError(t, err)
		require.True(t, opened)
		require.NotEmpty(t, made.ID)
		_, _, err = r.gates.Open(ctx, verifier.GateSpec{ID: "third", Namespace: "shadow-1"})
		require.ErrorIs(t, err, verifier.ErrTooManyGates)

		cancelled, err := r.gates.Cancel(ctx, made.ID)
		require.NoError(t, err)
		require.Equal(t, verifier.GateCancelled, cancelled.State)
		_, err = r.gates.Cancel(ctx, made.ID)
		require.ErrorIs(t, err, verifier.ErrGateFinal)
		_, _, err = r.gates.Open(ctx, verifier.GateSpec{ID: "third", Namespace: "shadow-1"})
		require.NoError(t, err, "there is room again")

		_, err = r.gates.Get(ctx, "no-such")
		require.ErrorIs(t, err, verifier.ErrNoGate)
		_, err = r.gates.Close(ctx, "no/such", time.Time{})
		require.ErrorIs(t, err, verifier.ErrNoGate)
		closed, err := r.gates.Close(ctx, "third", time.Time{})
		var field *verifier.FieldError
		require.ErrorAs(t, err, &field, "its window would be empty: %v", closed)
		time.Sleep(time.Second)
		closed, err = r.gates.Close(ctx, "third", time.Time{})
		require.NoError(t, err)
		require.Equal(t, verifier.GateClosed, closed.State)
		require.Equal(t, w.clock(), closed.ClosedAt)
		require.Equal(t, w.clock().Add(verifier.DefaultPatience), closed.Deadline)
		time.Sleep(time.Second)
		same, err := r.gates.Close(ctx, "third", time.Time{})
		require.NoError(t, err)
		require.Equal(t, closed.ClosedAt, same.ClosedAt)
		list, err := r.gates.List(verifier.GateFilter{})
		require.NoError(t, err)
		require.Len(t, list, 3)
		r.stop()
	})
}

func TestGateSpecRefused(t *testing.T) {
	now := epoch
	negative := verifier.Duration(-1)
	for field, change := range map[string]func(*verifier.GateSpec){
		"id":          func(s *verifier.GateSpec) { s.ID = "a/b" },
		"namespace":   func(s *verifier.GateSpec) { s.Namespace = "Shadow" },
		"selector":    func(s *verifier.GateSpec) { s.Selector = "==" },
		"start":       func(s *verifier.GateSpec) { s.Start = now.Add(time.Hour) },
		"first_pod":   func(s *verifier.GateSpec) { s.FirstPod, s.Start = true, now.Add(-time.Hour) },
		"end":         func(s *verifier.GateSpec) { s.End = now.Add(-time.Hour) },
		"deadline":    func(s *verifier.GateSpec) { s.Deadline = now.Add(-time.Hour) },
		"settling":    func(s *verifier.GateSpec) { s.Settling = &negative },
		"evidence":    func(s *verifier.GateSpec) { s.Evidence = "much" },
		"host_alerts": func(s *verifier.GateSpec) { s.HostAlerts = "ignore" },
		"digest":      func(s *verifier.GateSpec) { s.Digest = "latest" },
		"labels":      func(s *verifier.GateSpec) { s.Labels = map[string]string{"": "x"} },
	} {
		t.Run(field, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r := startGates(t, w.log, w.store, w.clock, 0)
				defer r.stop()
				spec := verifier.GateSpec{ID: "g", Namespace: "shadow-1"}
				change(&spec)
				_, _, err := r.gates.Open(t.Context(), spec)
				var wrong *verifier.FieldError
				require.ErrorAs(t, err, &wrong)
				require.Equal(t, field, wrong.Field)
			})
		})
	}
}

// staleStore is a store whose Get may answer from before.
type staleStore struct {
	*memlog.Gates
	stale bool
}

func (s *staleStore) Get(ctx context.Context, id string) ([]byte, uint64, error) {
	if s.stale {
		return nil, 0, nil
	}
	return s.Gates.Get(ctx, id)
}

// A store that has not heard of a gate yet does not make it one that there is not.
func TestStaleStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		store := &staleStore{Gates: w.store}
		r := startGates(t, w.log, store, w.clock, 0)
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1"})
		require.NoError(t, err)
		store.stale = true
		_, err = r.gates.Get(t.Context(), "g")
		require.ErrorIs(t, err, verifier.ErrGateStale)
		_, err = r.gates.Close(t.Context(), "g", time.Time{})
		require.ErrorIs(t, err, verifier.ErrGateStale)
		_, err = r.gates.Get(t.Context(), "another")
		require.ErrorIs(t, err, verifier.ErrNoGate)
		store.stale = false
		_, err = r.gates.Cancel(t.Context(), "g")
		require.NoError(t, err)
	})
}

// A text that JSON can't hold would come back as another one.
func TestGateTextsAreUTF8(t *testing.T) {
	t.Parallel()
	const bad = "a\xff"
	for field, spec := range map[string]verifier.GateSpec{
		"pod": {Pod: bad}, "selector": {Selector: bad}, "owner": {Owner: bad}, "hash": {Hash: bad}, "vcluster": {VCluster: bad}, "rule": {Rule: bad}, "sensor": {Sensor: bad},
		"labels": {Labels: map[string]string{"run": bad}},
	} {
		spec.ID, spec.Namespace = "g", "shop"
		var wrong *verifier.FieldError
		require.ErrorAs(t, spec.Check(epoch), &wrong, field)
		require.Equal(t, field, wrong.Field)
	}
}
