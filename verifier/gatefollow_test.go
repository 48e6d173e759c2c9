package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// follower follows a gate.
type follower struct {
	mu    sync.Mutex
	all   []verifier.GateEvent
	when  []time.Time
	ended chan error
	stop  context.CancelFunc
}

func (r *replica) follow(t *testing.T, id string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{ended: make(chan error, 1), stop: cancel}
	go func() {
		f.ended <- r.gates.Follow(ctx, id, func(e verifier.GateEvent) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.all, f.when = append(f.all, e), append(f.when, time.Now())
			return nil
		})
	}()
	t.Cleanup(cancel)
	synctest.Wait()
	return f
}

// events are those so far.
func (f *follower) events() []verifier.GateEvent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// last is the newest event.
func (f *follower) last() verifier.GateEvent {
	events := f.events()
	return events[len(events)-1]
}

func TestFollowGate(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(*world, *replica)
		want verifier.GateEventKind
		as   verifier.Outcome
	}{
		{"to a pass", func(w *world, _ *replica) { w.goOn(70 * time.Second) }, verifier.GateEventVerdict, verifier.Pass},
		{"to a fail", func(w *world, _ *replica) {
			w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning))
		}, verifier.GateEventVerdict, verifier.Fail},
		{"to its deadline", func(*world, *replica) { time.Sleep(10 * time.Minute) }, verifier.GateEventVerdict, verifier.Inconclusive},
		{"to its cancellation", func(_ *world, r *replica) {
			if _, err := r.gates.Cancel(context.Background(), "g"); err != nil {
				panic(err)
			}
		}, verifier.GateEventCancelled, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				first, other := startGates(t, w.log, w.store, w.clock, 0), startGates(t, w.log, w.store, w.clock, 0)
				_, _, err := first.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute)})
				require.NoError(t, err)
				synctest.Wait() // until the other has heard of it
				f := other.follow(t, "g")
				require.Len(t, f.events(), 1, "how it stands, at once")
				p := f.events()[0].Progress
				require.Equal(t, verifier.GateEventProgress, f.events()[0].Kind)
				require.Equal(t, verifier.GateOpen, p.State)
				require.Equal(t, verifier.Duration(time.Minute), *p.EndIn)
				require.Equal(t, verifier.Duration(6*time.Minute), p.DeadlineIn)
				require.Equal(t, 1, p.SensorsNeeded)
				require.Equal(t, 1, p.SensorsProven)
				require.Equal(t, epoch, p.ProvenUntil)
				require.True(t, p.Pending)
				require.EqualValues(t, "pending", p.Reason)

				w.goOn(10 * time.Second)
				time.Sleep(time.Second)
				synctest.Wait()
				require.Equal(t, epoch.Add(10*time.Second), f.last().Progress.ProvenUntil)
				require.Greater(t, *f.last().Progress.EndIn, verifier.Duration(45*time.Second))

				tt.then(w, first)
				synctest.Wait()
				require.NoError(t, <-f.ended, "it ends by itself")
				end := f.last()
				require.Equal(t, tt.want, end.Kind)
				if tt.want == verifier.GateEventVerdict {
					require.Equal(t, tt.as, end.Gate.Verdict.Verdict)
					require.Equal(t, other.verdictOf(t, "g"), end.Gate.Verdict, "whole")
				}
				for _, e := range f.events()[:len(f.events())-1] {
					require.Equal(t, verifier.GateEventProgress, e.Kind)
				}
				// Who comes late gets the end alone.
				late := first.follow(t, "g")
				require.NoError(t, <-late.ended)
				require.Len(t, late.events(), 1)
				end.Gate.Published = late.last().Gate.Published
				require.Equal(t, end, late.last())
			})
		})
	}
}

// A follower is told of what changed alone, and not more often than it looks.
func TestFollowerIsToldOfChangesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1"})
		require.NoError(t, err)
		f := r.follow(t, "g")
		w.goOn(10 * time.Second)
		f.mu.Lock()
		for i := range f.when[1:] {
			require.GreaterOrEqual(t, f.when[i+1].Sub(f.when[i]), time.Second)
		}
		f.mu.Unlock()
		told := len(f.events())
		require.InDelta(t, 3, told, 1, "with each snapshot")
		for range 30 {
			w.falco.alert(inPod("shadow-2", "web", w.clock(), correlate.Critical)) // changes nothing
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		require.LessOrEqual(t, len(f.events()), told+1)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.EqualValues(t, "silent", f.last().Progress.Reason, "also when nothing comes")
		require.Equal(t, 0, f.last().Progress.SensorsProven)
		require.LessOrEqual(t, len(f.events()), told+3)

		// Losses of others' alerts stand against a pass; their rules are not told.
		w.falco.raised++
		w.goOn(10 * time.Second)
		p := f.last().Progress
		require.EqualValues(t, "alerts_missing", p.Reason)
		require.False(t, p.Pending)
		require.Equal(t, 0, p.SensorsProven)
		require.NotContains(t, p.Message, "shell")

		// Closing it is told at once.
		_, err = r.gates.Close(t.Context(), "g", time.Time{})
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, verifier.GateClosed, f.last().Progress.State)
		require.Equal(t, w.clock(), f.last().Progress.End)
		require.Zero(t, *f.last().Progress.EndIn)
		f.stop()
		require.ErrorIs(t, <-f.ended, context.Canceled)
	})
}

func TestFollowEndsWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		require.ErrorIs(t, <-r.follow(t, "no-such").ended, verifier.ErrNoGate)
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1"})
		require.NoError(t, err)
		enough := errors.New("enough")
		require.ErrorIs(t, r.gates.Follow(t.Context(), "g", func(verifier.GateEvent) error { return enough }), enough)

		idle := verifier.NewGates(verifier.GatesOptions{Service: r.service, Store: w.store})
		err = idle.Follow(t.Context(), "g", func(verifier.GateEvent) error { return fmt.Errorf("not yet") })
		require.ErrorIs(t, err, verifier.ErrGatesNotReady)
	})
}
