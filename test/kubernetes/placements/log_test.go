package placements

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// eventLog is the event log in memory, with a state that has read it. What a watch
// appends is stored at once.
type eventLog struct {
	mu       sync.Mutex
	state    *correlate.State
	records  []*correlate.Record
	refusing int // how many records are refused from now on
	moved    chan struct{}
}

func newEventLog() *eventLog {
	return &eventLog{state: correlate.NewState(correlate.Limits{}, 0), moved: make(chan struct{})}
}

// errRefused is what a lane that is broken says.
var errRefused = errors.New("the log refuses")

func (l *eventLog) Append(_ context.Context, records ...*correlate.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rec := range records {
		if l.refusing > 0 {
			l.refusing--
			return errRefused
		}
		stored := *rec
		stored.Position, stored.Logged = uint64(len(l.records)+1), time.Now()
		if err := l.state.Apply(&stored); err != nil {
			return err
		}
		l.records = append(l.records, &stored)
	}
	close(l.moved)
	l.moved = make(chan struct{})
	return nil
}

// NewLane implements consumer.Log.
func (l *eventLog) NewLane() consumer.Lane { return lane{l} }

type lane struct{ log *eventLog }

func (n lane) Append(ctx context.Context, records ...*correlate.Record) error {
	return n.log.Append(ctx, records...)
}
func (lane) Flush(context.Context) error { return nil }
func (lane) Close()                      {}

// await waits until the state is as it should be.
func (l *eventLog) await(t *testing.T, what string, ok func(*correlate.State) bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		l.mu.Lock()
		done, moved := ok(l.state), l.moved
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-moved:
		case <-deadline:
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// known waits until placements are known up to now.
func (l *eventLog) known(t *testing.T) time.Time {
	t.Helper()
	now := time.Now()
	l.await(t, "placements are known up to now", func(s *correlate.State) bool { return s.Known().After(now) })
	return now
}

// placed says where the pods of a scope ran.
func (l *eventLog) placed(scope correlate.PodScope, from, to time.Time) correlate.Placed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Placed(scope, correlate.Window{Start: from, End: to}, 0)
}

// alert appends an alert of a container without a namespace.
func (l *eventLog) alert(t *testing.T, hostname, container string) {
	t.Helper()
	require.NoError(t, l.Append(t.Context(), &correlate.Record{Received: time.Now(), Body: &correlate.Alert{
		Hostname: hostname, Rule: "Terminal shell in container", Priority: correlate.Warning, Time: time.Now(), Source: "syscall",
		OutputFields: correlate.Fields{{Name: "container.id", Value: container}},
	}}))
}

// alerts counts the alerts of a namespace's pod.
func (l *eventLog) alerts(t *testing.T, namespace, pod string) uint64 {
	t.Helper()
	glob, err := correlate.ParseGlob(pod)
	require.NoError(t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	counts, err := l.state.Index().Count(correlate.Query{
		Namespace: namespace, Pod: glob, MinPriority: correlate.Debug, Window: correlate.Window{Start: time.Unix(1, 0), End: time.Now().Add(time.Hour)},
	})
	require.NoError(t, err)
	return counts.Total()
}

// watch runs a watch of pods until the test ends, or stop is called. It returns when
// that has listed all.
func (l *eventLog) watch(t *testing.T, o kube.PlacementOptions) (stop func()) {
	t.Helper()
	return l.watchOf(t, cluster, o)
}

// watchOf is watch of another cluster.
func (l *eventLog) watchOf(t *testing.T, c *controlplane.ControlPlane, o kube.PlacementOptions) (stop func()) {
	t.Helper()
	client, err := kube.Connect(kube.Options{Kubeconfig: c.Kubeconfig()})
	require.NoError(t, err)
	sink, err := consumer.NewPlacementLog(consumer.PlacementLogOptions{Log: l, Watcher: t.Name()})
	require.NoError(t, err)
	o.Sink, o.Interval = sink, 50*time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.WatchPlacements(ctx, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
		client.Close()
	})
	t.Cleanup(stop)
	l.known(t)
	return stop
}
