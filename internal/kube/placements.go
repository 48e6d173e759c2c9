package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/falcogate/falcogate/correlate"
)

// PlacementSink is where placements go. Its methods are called by one goroutine.
type PlacementSink interface {
	// Tell tells of one pod, behind all that was told before.
	Tell(ctx context.Context, p *correlate.Placement) error
	// Mark tells how far all was told, and returns the mark's number once it is
	// stored.
	Mark(ctx context.Context, phase correlate.WatchPhase, asOf uint64) (uint64, error)
	// Restart begins anew: something may not have been told.
	Restart()
}

// PlacementOptions configure WatchPlacements.
type PlacementOptions struct {
	Sink PlacementSink // required
	// Hostnames are the hostnames of the sensors of nodes, where FALCO_HOSTNAME is
	// not the node's name; HostnameLabel names a label of the nodes that has it. A
	// node that neither tells of has its own name.
	Hostnames     map[string]string
	HostnameLabel string
	// Interval is the least time between two marks. Zero means two seconds.
	Interval time.Duration
	// Relist is how often all pods are told again, so that the log knows them also
	// when its beginning is not kept any more. Zero means an hour.
	Relist time.Duration
	// Logger is told when a watch begins and is interrupted. Nil discards.
	Logger *slog.Logger
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// progressTimeout is how long each request of the watch lasts. The API server sends
// the version that it has reached two seconds before the end of a request, and else
// once a minute: so this is how often we learn that nothing is missing.
const progressTimeout = 4 * time.Second

// WatchPlacements tells the sink where all pods of the cluster run, until ctx ends; it
// returns nil then. Outages of the API and of the sink are waited out.
//
// That nothing is missing is known like this: a mark is stored; then the API server is
// asked, past its caches, which version its data has; once the watch has reached that
// version, all that there was when the mark was stored has been told. The next mark
// says so.
func (c *Client) WatchPlacements(ctx context.Context, o PlacementOptions) error {
	w, err := newPlacementWatch(c, o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{}, 2)
	go func() {
		w.reflect(ctx)
		done <- struct{}{}
	}()
	go func() {
		w.nodes.run(ctx, w.store.remap)
		done <- struct{}{}
	}()
	w.tell(ctx)
	cancel()
	<-done
	<-done
	return nil
}

// placementWatch is one watch of all pods.
type placementWatch struct {
	client *Client
	sink   PlacementSink
	store  *podStore
	nodes  *nodeNames
	pause  time.Duration
	relist time.Duration
	logger *slog.Logger
	meters placementMetrics
}

func newPlacementWatch(c *Client, o PlacementOptions) (*placementWatch, error) {
	if o.Sink == nil {
		return nil, errors.New("watching placements: a sink is required")
	}
	w := &placementWatch{
		client: c, sink: o.Sink, nodes: newNodeNames(c, o.Hostnames, o.HostnameLabel), pause: o.Interval, relist: o.Relist, logger: o.Logger,
	}
	if w.pause <= 0 {
		w.pause = 2 * time.Second
	}
	if w.relist <= 0 {
		w.relist = time.Hour
	}
	if w.logger == nil {
		w.logger = slog.New(slog.DiscardHandler)
	}
	w.store = newPodStore(w.nodes.hostname)
	var err error
	w.meters, err = newPlacementMetrics(o.Registerer, w.store)
	return w, err
}

// reflect keeps the store like the API until ctx ends.
func (w *placementWatch) reflect(ctx context.Context) {
	ctx = withLogger(ctx, w.logger)
	pods := w.client.api.CoreV1().Pods(metav1.NamespaceAll)
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			if o.ResourceVersion == "0" {
				o.ResourceVersion = "" // in pages: a list at any version comes in one piece
			}
			list, err := pods.List(ctx, o)
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				list.Items[i] = *slim(&list.Items[i])
			}
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			seconds := int64(progressTimeout / time.Second)
			o.TimeoutSeconds = &seconds
			return pods.Watch(ctx, o)
		},
	}
	cache.NewReflectorWithOptions(inPages{lw}, &corev1.Pod{}, w.store, cache.ReflectorOptions{
		Name: "placements", Backoff: &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 5 * time.Second},
	}).RunWithContext(ctx)
}

// inPages has the reflector list in pages. Streaming the list would make the first
// request of the watch last as long as the API server likes, without a word on
// versions.
type inPages struct{ *cache.ListWatch }

// IsWatchListSemanticsUnSupported is what the reflector asks.
func (inPages) IsWatchListSemanticsUnSupported() bool { return true }

// tell tells the sink what the store has, until ctx ends.
func (w *placementWatch) tell(ctx context.Context) {
	pause := backoff.NewExponentialBackOff()
	pause.MaxInterval = 10 * time.Second
	for ctx.Err() == nil {
		began := time.Now()
		err := w.session(ctx)
		if ctx.Err() != nil {
			return
		}
		w.meters.sessions.Inc()
		w.logger.WarnContext(ctx, "the watch of pods was interrupted, and begins anew; windows over this time can't be proven", "cause", err)
		w.sink.Restart()
		if time.Since(began) > time.Minute {
			pause.Reset()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// errRelisted ends a session: pods may have come and gone unseen.
var errRelisted = errors.New("the API server did not have the changes any more and listed all pods anew")

// session tells all pods, and then what changes, until something may be missing.
func (w *placementWatch) session(ctx context.Context) error {
	mark, err := w.sink.Mark(ctx, correlate.Watching, 0)
	if err != nil {
		return err
	}
	// Nothing of the changes is told before the list, so that they need not be kept.
	version, err := w.version(ctx)
	if err != nil {
		return err
	}
	if err := w.await(ctx, version, nil, nil); err != nil {
		return err
	}
	lists, err := w.list(ctx, mark, true)
	if err != nil {
		return err
	}
	w.logger.InfoContext(ctx, "watching pods", "pods", w.store.Len())
	listed := time.Now()
	for {
		if mark, err = w.sink.Mark(ctx, correlate.Watching, mark); err != nil {
			return err
		}
		w.meters.marked.SetToCurrentTime()
		rest := time.NewTimer(w.pause)
		if version, err = w.version(ctx); err != nil {
			return err
		}
		if err := w.await(ctx, version, &lists, nil); err != nil {
			return err
		}
		if err := w.await(ctx, never, &lists, rest.C); err != nil {
			return err
		}
		if time.Since(listed) < w.relist {
			continue
		}
		now, err := w.list(ctx, mark, false)
		if err != nil {
			return err
		}
		if now != lists {
			return errRelisted
		}
		listed = time.Now()
	}
}

// never is a version that is not reached.
const never = math.MaxUint64

// await waits until the store has reached a version, or until the time is due. With
// lists it tells what changes meanwhile, and a list anew that it does not know of is an
// error.
func (w *placementWatch) await(ctx context.Context, version uint64, lists *int, due <-chan time.Time) error {
	for {
		changes := w.store.take()
		switch {
		case lists == nil:
			changes.pods = nil
		case changes.lists != *lists:
			return errRelisted
		}
		for _, p := range changes.pods {
			if err := w.sink.Tell(ctx, p); err != nil {
				return err
			}
		}
		if changes.lists > 0 && changes.version >= version {
			return nil
		}
		select {
		case <-changes.moved:
		case <-due:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// list tells all pods, as of a mark. It returns how often the API had listed all.
func (w *placementWatch) list(ctx context.Context, asOf uint64, ended bool) (lists int, err error) {
	if _, err := w.sink.Mark(ctx, correlate.Listing, asOf); err != nil {
		return 0, err
	}
	all := w.store.all(ended)
	for _, p := range all.pods {
		if err := w.sink.Tell(ctx, p); err != nil {
			return 0, err
		}
	}
	_, err = w.sink.Mark(ctx, correlate.Listed, asOf)
	return all.lists, err
}

// version asks which version the API server's data has now.
func (w *placementWatch) version(ctx context.Context) (uint64, error) {
	return backoff.Retry(ctx, func() (uint64, error) {
		bounded, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		// Without a resource version the answer is not taken from a cache that may be old.
		list, err := w.client.api.CoreV1().Pods(metav1.NamespaceAll).List(bounded, metav1.ListOptions{Limit: 1})
		if err != nil {
			return 0, fmt.Errorf("asking the API server for the version of its pods: %w", err)
		}
		n, err := parseVersion(list.ResourceVersion)
		if err != nil {
			return 0, backoff.Permanent(err)
		}
		return n, nil
	}, backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 200 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 5 * time.Second,
	}), backoff.WithNotify(func(err error, _ time.Duration) {
		w.meters.failures.Inc()
		w.logger.DebugContext(ctx, "the API server can't be asked, trying again", "error", err)
	}))
}
