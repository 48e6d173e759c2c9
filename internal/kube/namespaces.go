package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// Labels of a namespace that ask for a gate over it.
const (
	// GateLabel names the policy of the gate.
	GateLabel = "falcogate.dev/gate"
	// GateRunLabel tells one gate from the next over the same namespace; it may be left
	// out.
	GateRunLabel = "falcogate.dev/gate-run"
	// GateStateLabel with the value GateStateClosed ends the gate's window.
	GateStateLabel  = "falcogate.dev/gate-state"
	GateStateClosed = "closed"
)

// Namespace is a namespace whose label asks for a gate.
type Namespace struct {
	Name, UID   string
	Policy, Run string
	Closed      bool // by its label, or because it is being deleted
	// Since is when it got its label: as the API server has it for whoever set it, else
	// when the namespace was made. It may be later, when the same one has changed
	// something else since.
	Since time.Time
}

// Cluster names a cluster for as long as it lives: the UID of the namespace kube-system.
type Cluster string

// NamespaceOptions configure WatchNamespaces.
type NamespaceOptions struct {
	// Logger is told when the API server goes and comes. Nil means slog.Default().
	Logger *slog.Logger
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// WatchNamespaces follows the namespaces that ask for a gate until ctx ends, and then
// returns nil. Changed gets the whole set, in the order of names: once as soon as it is
// known, and again whenever it differs. Its calls come one after the other, and may skip
// what came and went in between. While the API server is away the set stays as it was.
func (c *Client) WatchNamespaces(ctx context.Context, o NamespaceOptions, changed func(Cluster, []Namespace)) error {
	logger := orDefault(o.Logger)
	reg := o.Registerer
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	failed := register(reg, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "falcogate_kube_namespace_watch_errors_total",
		Help: "Requests to list or watch namespaces that failed.",
	}))
	store := newNamespaceStore()
	asked := &outage{logger: logger, failed: failed, what: "the namespaces that ask for gates; those that were known stay", hint: "get, list and watch namespaces"}
	ctx = withLogger(ctx, logger)
	reflector := cache.NewReflectorWithOptions(c.namespaces(asked), &corev1.Namespace{}, store, cache.ReflectorOptions{
		Name: "namespaces", Backoff: falcoBackoff(), Clock: clockUntil{ctx: ctx},
	})
	var running sync.WaitGroup
	running.Go(func() { reflector.RunWithContext(ctx) })
	defer running.Wait()
	var last []Namespace
	for first := true; ; {
		select {
		case <-store.moved:
		case <-ctx.Done():
			return nil
		}
		cluster, set := store.all()
		if cluster == "" || !first && slices.Equal(set, last) {
			continue
		}
		first, last = false, set
		changed(cluster, slices.Clone(set))
	}
}

// Namespace asks the API server, past its caches, what a namespace asks for now; it is
// false when that asks for no gate or is gone.
func (c *Client) Namespace(ctx context.Context, name string) (Namespace, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ns, err := c.api.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return Namespace{}, false, nil
	case err != nil:
		return Namespace{}, false, fmt.Errorf("kubernetes: namespace %s: %w", name, err)
	}
	kept, asks := namespaceOf(ns)
	return kept, asks, nil
}

// namespaces is where the reflector lists and watches.
func (c *Client) namespaces(asked *outage) *cache.ListWatch {
	api := c.api.CoreV1().Namespaces()
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			bounded, cancel := context.WithTimeout(ctx, requestTimeout)
			defer cancel()
			list, err := api.List(bounded, options)
			asked.note(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := api.Watch(ctx, options)
			asked.note(ctx, err)
			return w, err
		},
	}
}

// namespaceOf is what is kept of a namespace that asks for a gate.
func namespaceOf(ns *corev1.Namespace) (Namespace, bool) {
	policy, asks := ns.Labels[GateLabel]
	if !asks {
		return Namespace{}, false
	}
	return Namespace{
		Name: ns.Name, UID: string(ns.UID), Policy: policy, Run: ns.Labels[GateRunLabel],
		Closed: ns.Labels[GateStateLabel] == GateStateClosed || ns.DeletionTimestamp != nil,
		Since:  labelledSince(ns),
	}, true
}

// labelledSince is when GateLabel was set, as far as managedFields tell.
func labelledSince(ns *corev1.Namespace) time.Time {
	since := ns.CreationTimestamp.UTC()
	for _, m := range ns.ManagedFields {
		var owned struct {
			Metadata struct {
				Labels map[string]json.RawMessage `json:"f:labels"`
			} `json:"f:metadata"`
		}
		if m.Time == nil || m.FieldsV1 == nil || json.Unmarshal(m.FieldsV1.GetRawBytes(), &owned) != nil {
			continue
		}
		if _, owns := owned.Metadata.Labels["f:"+GateLabel]; owns && m.Time.After(since) {
			since = m.Time.UTC()
		}
	}
	return since
}

// namespaceStore is what the reflector writes to. It keeps the namespaces that ask for a
// gate, by uid, and what the cluster is called.
type namespaceStore struct {
	mu      sync.Mutex
	cluster Cluster
	asking  map[types.UID]Namespace
	moved   chan struct{} // has one when something may have changed
}

func newNamespaceStore() *namespaceStore {
	return &namespaceStore{asking: map[types.UID]Namespace{}, moved: make(chan struct{}, 1)}
}

// all is the set in the order of names.
func (s *namespaceStore) all() (Cluster, []Namespace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := make([]Namespace, 0, len(s.asking))
	for _, ns := range s.asking {
		set = append(set, ns)
	}
	slices.SortFunc(set, func(a, b Namespace) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID)) })
	return s.cluster, set
}

// change runs f for namespaces under the lock, and says that something moved. Afresh
// forgets all others first: nobody may see a set without those that are still there.
func (s *namespaceStore) change(afresh bool, list []any, f func(*corev1.Namespace)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if afresh {
		s.asking = map[types.UID]Namespace{}
	}
	for _, obj := range list {
		ns, ok := obj.(*corev1.Namespace)
		if !ok {
			return fmt.Errorf("want a namespace, have %T", obj)
		}
		f(ns)
	}
	select {
	case s.moved <- struct{}{}:
	default:
	}
	return nil
}

// put takes a namespace as it is now. The caller holds mu.
func (s *namespaceStore) put(ns *corev1.Namespace) {
	if ns.Name == metav1.NamespaceSystem {
		s.cluster = Cluster(ns.UID)
	}
	if kept, asks := namespaceOf(ns); asks {
		s.asking[ns.UID] = kept
	} else {
		delete(s.asking, ns.UID)
	}
}

// Add, Update, Delete, Replace and Resync are for the reflector.
func (s *namespaceStore) Add(obj any) error    { return s.change(false, []any{obj}, s.put) }
func (s *namespaceStore) Update(obj any) error { return s.change(false, []any{obj}, s.put) }
func (s *namespaceStore) Resync() error        { return nil }

func (s *namespaceStore) Delete(obj any) error {
	return s.change(false, []any{obj}, func(ns *corev1.Namespace) { delete(s.asking, ns.UID) })
}

func (s *namespaceStore) Replace(list []any, _ string) error { return s.change(true, list, s.put) }
