package placements

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/kube"
)

// While the API server is away nothing is known; what came and went meanwhile never
// will be, and what stays is known again afterwards.
func TestAPIServerAway(t *testing.T) {
	k := place(t, "away", "away-a", "away-b")
	run(t, k[0], "away", "stays")
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{})
	began := log.known(t)

	require.NoError(t, cluster.StopAPIServer())
	away := time.Now()
	scope := correlate.PodScope{Namespace: "away"}
	placed := log.placed(scope, began, away)
	require.NotEmpty(t, placed.Unknown)
	require.True(t, placed.Open)
	require.Equal(t, []string{"away-a"}, placed.Sensors)

	require.NoError(t, cluster.StartAPIServer(t.Context()))
	log.known(t)
	back := log.known(t) // within what is known since
	run(t, k[1], "away", "new")
	now := log.known(t)
	require.NotEmpty(t, log.placed(scope, began, now).Unknown, "an API server that starts anew does not have the changes any more")
	placed = log.placed(scope, back, now)
	require.Empty(t, placed.Unknown)
	require.Equal(t, []string{"away-a", "away-b"}, placed.Sensors)
}

// An API server that answers nothing for a while has all changes when it does again.
func TestAPIServerPaused(t *testing.T) {
	place(t, "paused")
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{})
	began := log.known(t)
	require.NoError(t, cluster.PauseAPIServer(t.Context()))
	paused := time.Now()
	require.NotEmpty(t, log.placed(correlate.PodScope{Namespace: "paused"}, began, paused).Unknown)
	require.NoError(t, cluster.ResumeAPIServer(t.Context()))
	now := log.known(t)
	require.Empty(t, log.placed(correlate.PodScope{Namespace: "paused"}, began.Add(time.Second), now.Add(-time.Second)).Unknown)
}

// A consumer that starts anew does not know what came and went while it was away, and
// says which pods are gone.
func TestWatcherRestarts(t *testing.T) {
	k := place(t, "restarts", "restarts-a", "restarts-b")
	gone, stays := run(t, k[0], "restarts", "gone"), run(t, k[1], "restarts", "stays")
	log := newEventLog()
	stop := log.watch(t, kube.PlacementOptions{})
	began := log.known(t)
	stop()
	require.NoError(t, k[0].Delete(t.Context(), gone))
	log.watch(t, kube.PlacementOptions{})
	back := log.known(t)
	now := log.known(t)
	scope := correlate.PodScope{Namespace: "restarts"}
	require.NotEmpty(t, log.placed(scope, began, now).Unknown)
	placed := log.placed(scope, back.Add(2*time.Second), now.Add(2*time.Second))
	require.Equal(t, []string{stays.Spec.NodeName}, placed.Sensors)
}

// A record that the log refuses may be one that matters: all is told again.
func TestLogRefuses(t *testing.T) {
	k := place(t, "refuses", "refuses-a")[0]
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{})
	began := log.known(t)
	log.mu.Lock()
	log.refusing = 1
	log.mu.Unlock()
	run(t, k, "refuses", "web")
	now := log.known(t)
	scope := correlate.PodScope{Namespace: "refuses"}
	require.NotEmpty(t, log.placed(scope, began, now).Unknown)
	require.Equal(t, []string{"refuses-a"}, log.placed(scope, now, now.Add(1)).Sensors)
}

// All pods are told again from time to time: who reads the log from there on knows
// them too.
func TestToldAgain(t *testing.T) {
	k := place(t, "told", "told-a")[0]
	run(t, k, "told", "web")
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{Relist: time.Millisecond})
	listings := func(s *correlate.State) (n int) {
		for _, rec := range log.records {
			if w, ok := rec.Body.(*correlate.Watch); ok && w.Phase == correlate.Listed {
				n++
			}
		}
		return n
	}
	log.await(t, "three lists", func(s *correlate.State) bool { return listings(s) >= 3 })
	log.known(t)

	log.mu.Lock()
	defer log.mu.Unlock()
	late := correlate.NewState(correlate.Limits{}, 0)
	first := 0
	for i, rec := range log.records {
		if w, ok := rec.Body.(*correlate.Watch); ok && w.Phase == correlate.Listed {
			first = i
			break
		}
	}
	for _, rec := range log.records[first:] {
		require.NoError(t, late.Apply(rec))
	}
	w := correlate.Window{Start: log.state.Known().Add(-time.Nanosecond), End: log.state.Known()}
	placed := late.Placed(correlate.PodScope{Namespace: "told"}, w, 0)
	require.Empty(t, placed.Unknown)
	require.Equal(t, []string{"told-a"}, placed.Sensors)
}
