package verifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AutoGatesOptions configure AutoGates.
type AutoGatesOptions struct {
	Gates    *Gates                // required
	Policies map[string]GatePolicy // by name
	// Ask asks the cluster itself what a namespace asks for now, and whether it does;
	// required. What Set told may be from before: another replica can have opened the gate
	// of a namespace that this one has not heard of yet.
	Ask func(ctx context.Context, namespace string) (GateRequest, bool, error)
	// Logger is told of gates that are opened and closed. Nil discards.
	Logger *slog.Logger
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// AutoGates opens and closes gates for namespaces that ask for them. It goes by what is
// there, not by what has happened: whatever was missed shows with the next look. All
// replicas may do so at once, since a gate's id is made of what it is for.
//
// Set may be called concurrently with Run, which is run once.
type AutoGates struct {
	gates    *Gates
	policies map[string]GatePolicy
	ask      func(context.Context, string) (GateRequest, bool, error)
	logger   *slog.Logger
	refused  prometheus.Gauge
	failures prometheus.Counter

	mu      sync.Mutex
	cluster string
	asking  []GateRequest
	known   bool // Set was called
	moved   chan struct{}

	told map[string]bool // of which gates it was said why there is none; Run's alone
}

const (
	// autoRetry is how long after a failure all is looked at again, and autoResync after
	// none.
	autoRetry  = 2 * time.Second
	autoResync = time.Minute
	// autoWithin is how long after it was asked for a gate is opened: one that is over and
	// forgotten must not be opened again.
	autoWithin = 24 * time.Hour
)

// NewAutoGates makes AutoGates. Nothing happens before Set and Run.
func NewAutoGates(o AutoGatesOptions) *AutoGates {
	a := &AutoGates{gates: o.Gates, policies: o.Policies, ask: o.Ask, logger: o.Logger, moved: make(chan struct{}, 1), told: map[string]bool{}}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	a.refused = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "falcogate_auto_gates_refused",
		Help: "Namespaces that ask for a gate and get none: there is no such policy, or it makes no gate.",
	})
	a.failures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "falcogate_auto_gate_failures_total",
		Help: "How often gates of namespaces could not be opened or closed at the first try.",
	})
	registry(o.Registerer).MustRegister(a.refused, a.failures)
	return a
}

// Set tells which namespaces of a cluster ask for a gate, all of them.
func (a *AutoGates) Set(cluster string, asking []GateRequest) {
	a.mu.Lock()
	a.cluster, a.asking, a.known = cluster, asking, true
	a.mu.Unlock()
	signal(a.moved)
}

// Run opens and closes gates until ctx ends; it returns nil then.
func (a *AutoGates) Run(ctx context.Context) error {
	timer := time.NewTimer(autoResync)
	defer timer.Stop()
	for {
		select {
		case <-a.moved:
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		wait := autoResync
		if err := a.reconcile(ctx); err != nil && ctx.Err() == nil {
			a.failures.Inc()
			a.logger.WarnContext(ctx, "gates of namespaces could not be brought up to date, trying again", "error", err)
			wait = autoRetry
		}
		timer.Reset(wait)
	}
}

// reconcile opens the gates that are asked for and closes those that are not any more.
func (a *AutoGates) reconcile(ctx context.Context) error {
	a.mu.Lock()
	cluster, asking, known := a.cluster, a.asking, a.known
	a.mu.Unlock()
	if !known {
		return nil
	}
	own, err := a.gates.List(GateFilter{Labels: map[string]string{AutoClusterLabel: cluster}})
	if err != nil {
		return err
	}
	there := map[string]*ListedGate{}
	for i := range own {
		there[own[i].ID] = &own[i]
	}
	var failed error
	wanted, told := map[string]bool{}, map[string]bool{}
	refused := 0
	tell := func(r GateRequest, level slog.Level, err error) {
		key := r.gateID()
		if told[key] = true; !a.told[key] {
			a.logger.Log(ctx, level, "a namespace asks for a gate and gets none", "namespace", r.Namespace, "policy", r.Policy, "reason", err)
		}
	}
	latest := a.gates.now().Add(-min(autoWithin, a.gates.retention))
	for _, r := range asking {
		id := r.gateID()
		if wanted[id] = !r.Closed; r.Closed {
			continue
		}
		if g := there[id]; g != nil {
			if !g.ClosedAt.IsZero() {
				tell(r, slog.LevelInfo, fmt.Errorf("its gate %s was closed at %s: give it another run", id, stamp(g.ClosedAt)))
			}
			continue
		}
		if r.Since.Before(latest) {
			tell(r, slog.LevelInfo, fmt.Errorf("it asked at %s, long ago: its gate may have been there, give it another run", stamp(r.Since)))
			continue
		}
		switch err := a.open(ctx, cluster, r, id); {
		case isWrong(err):
			refused++
			tell(r, slog.LevelError, err)
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("opening the gate of namespace %s: %w", r.Namespace, err))
		}
	}
	a.refused.Set(float64(refused))
	a.told = told
	for id, g := range there {
		if g.State != GateOpen || wanted[id] {
			continue
		}
		if err := a.end(ctx, id, g.Namespace); err != nil {
			failed = errors.Join(failed, fmt.Errorf("closing gate %s: %w", id, err))
		}
	}
	return failed
}

// end closes a gate whose namespace does not ask for it any more, which the cluster itself
// must say.
func (a *AutoGates) end(ctx context.Context, id, namespace string) error {
	r, asks, err := a.ask(ctx, namespace)
	if err != nil || asks && !r.Closed && r.gateID() == id {
		return err
	}
	switch _, err := a.gates.Close(ctx, id, time.Time{}); {
	case err == nil:
		a.logger.InfoContext(ctx, "a gate's namespace asks for it no more: its window ends", "gate", id)
	case !errors.Is(err, ErrGateFinal) && !errors.Is(err, ErrNoGate):
		return err
	}
	return nil
}
