package verifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
)

// Errors of gates.
var (
	// ErrNoGate: there is none of that id.
	ErrNoGate = errors.New("no such gate")
	// ErrGateDiffers: there is one of that id that asks something else.
	ErrGateDiffers = errors.New("a gate of this id asks something else")
	// ErrGateFinal: the gate is decided or cancelled, and can't be closed or cancelled.
	ErrGateFinal = errors.New("the gate is decided or cancelled already")
	// ErrTooManyGates: as many are open as may be.
	ErrTooManyGates = errors.New("too many gates are open")
	// ErrGatesNotReady: not all gates were read yet.
	ErrGatesNotReady = errors.New("the gates are being read")
	// ErrGateStale: the store's answer is older than what is known of the gate, as that of
	// a server that was cut off from the others.
	ErrGateStale = errors.New("the event log, which keeps the gates, has answered from before")
)

// DefaultMaxGates is how many gates may be open unless another number is given.
const DefaultMaxGates = 100_000

// GatesOptions configure Gates.
type GatesOptions struct {
	Service *Service  // required
	Store   GateStore // required; that of the service's log
	// MaxOpen bounds the open gates; zero means DefaultMaxGates.
	MaxOpen int
	// Retention is for how long gates that are over are kept, and alerts that come late
	// contradict those that have passed; at most as many as may be open. Zero means
	// DefaultGateRetention.
	Retention time.Duration
	// Logger is told of verdicts that could not be stored. Nil discards.
	Logger *slog.Logger
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// Gates decides gates. Each replica looks at all of them, and whichever finds an answer
// first stores it: the store lets one of them win, and the others take over what it
// found. What was stored is published, by the winner or, should it crash, by whoever
// sees that it was not.
//
// All methods may be called concurrently; Run once.
type Gates struct {
	service   *Service
	store     GateStore
	maxOpen   int
	retention time.Duration
	logger    *slog.Logger
	meters    gateMetrics

	mu     sync.Mutex
	whole  bool // all gates were read
	known  map[string]*gateEntry
	open   int        // of these, not final
	queue  []gateWork // to be looked at
	timers timerHeap

	wake  chan struct{} // the queue or rung has something
	alarm chan struct{} // the first of timers is another
	rung  rung
}

// rung are the gates that were woken. It has a lock of its own, as they are with the
// lists of all who wait locked.
type rung struct {
	mu   sync.Mutex
	list []rungGate
}

type rungGate struct {
	entry    *gateEntry
	revision uint64
}

// woken has a gate looked at again.
func (g *Gates) woken(e *gateEntry, revision uint64) {
	g.rung.mu.Lock()
	g.rung.list = append(g.rung.list, rungGate{e, revision})
	g.rung.mu.Unlock()
	signal(g.wake)
}

// answerRung queues the gates that were woken. The caller holds mu.
func (g *Gates) answerRung() {
	g.rung.mu.Lock()
	list := g.rung.list
	g.rung.list = nil
	g.rung.mu.Unlock()
	for _, r := range list {
		if r.entry.revision == r.revision && r.entry.waiter != nil {
			r.entry.waiter = nil
			g.enqueue(r.entry)
		}
	}
}

// signal wakes whoever waits on a channel with room for one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// gateEntry is a gate as this replica knows it.
type gateEntry struct {
	gate     *Gate // never changed, but replaced
	revision uint64
	waiter   *waiter   // nil while it is looked at, or final
	due      int       // its place among timers; -1 for none
	rings    time.Time // when it is looked at though nothing has happened; set changes it
	changed  chan struct{}
	own      ownChange
}

// gateWork is a gate to be looked at.
type gateWork struct {
	id       string
	revision uint64
}

// NewGates makes Gates. Nothing happens before Run.
func NewGates(o GatesOptions) *Gates {
	g := &Gates{
		service: o.Service, store: o.Store, maxOpen: o.MaxOpen, retention: o.Retention, logger: o.Logger, known: map[string]*gateEntry{},
		wake: make(chan struct{}, 1), alarm: make(chan struct{}, 1),
	}
	if g.maxOpen <= 0 {
		g.maxOpen = DefaultMaxGates
	}
	if g.retention <= 0 {
		g.retention = DefaultGateRetention
	}
	if g.logger == nil {
		g.logger = slog.New(slog.DiscardHandler)
	}
	g.meters = newGateMetrics(o.Registerer, g)
	return g
}

// Run decides gates until ctx ends. It returns nil then, and an error for what no retry
// heals.
func (g *Gates) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() { g.work(ctx) })
	}
	wg.Go(func() { g.watchTime(ctx) })
	wg.Go(func() { g.forgetOver(ctx) })
	err := g.store.Watch(ctx, g.changed)
	if ctx.Err() != nil {
		err = nil
	}
	cancel()
	wg.Wait()
	g.mu.Lock()
	for _, e := range g.known {
		g.unwait(e)
	}
	g.mu.Unlock()
	if err != nil {
		return fmt.Errorf("watching gates: %w", err)
	}
	return nil
}

// changed takes over what the store says of gates.
func (g *Gates) changed(changes []GateChange, whole bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range changes {
		gate := &Gate{}
		if err := json.Unmarshal(c.Data, gate, JSONOptions); err != nil || gate.ID != c.ID {
			// Another version's, or somebody else's: it is not ours to decide.
			g.meters.unreadable.Inc()
			g.logger.Error("a gate can't be read, and gets no verdict from this falcogate", "gate", c.ID, "revision", c.Revision, "error", err)
			continue
		}
		g.take(gate, c.Revision, false)
	}
	g.whole = g.whole || whole
	return nil
}

// take takes over what a gate is from a revision on, unless it is known already. Ours
// says that this replica made it so. The caller holds mu.
func (g *Gates) take(gate *Gate, revision uint64, ours bool) {
	e := g.known[gate.ID]
	switch {
	case e == nil:
		e = &gateEntry{gate: &Gate{GateSpec: GateSpec{ID: gate.ID}, State: GateCancelled}, due: -1, changed: make(chan struct{})}
		g.known[gate.ID] = e
	case e.revision == revision && ours && gate.State == GateDecided && !gate.Published:
		g.enqueue(e) // the watch was faster than we are, and has left it to us
		return
	case e.revision >= revision:
		return
	}
	g.unwait(e)
	if !e.gate.State.final() {
		g.open--
	}
	if !gate.State.final() {
		g.open++
	}
	e.gate, e.revision = gate, revision
	close(e.changed)
	e.changed = make(chan struct{})
	switch {
	case !gate.State.final(), gate.State == GateDecided && !gate.Published && ours:
		g.enqueue(e)
	case gate.State == GateDecided && !gate.Published:
		// Whoever decided it publishes it, unless that replica has crashed.
		time.AfterFunc(othersPublish, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			if e.revision == revision {
				g.enqueue(e)
			}
		})
	default:
		e.gate = slimGate(gate)
		if e.gate.watched() {
			g.enqueue(e)
		}
	}
}

// othersPublish is how long a replica leaves the publishing of a verdict to the one that
// has decided it.
const othersPublish = 5 * time.Second

// slimGate is a gate that is over with what a list shows of it, and what it takes to see
// that an alert contradicts it: there may be very many, and the store has the rest.
func slimGate(gate *Gate) *Gate {
	slim := *gate
	if gate.Verdict != nil {
		v := gate.Verdict.withholding()
		slim.Verdict = &Verdict{
			ID: v.ID, Verdict: v.Verdict, Passed: v.Passed, Reason: v.Reason, Message: v.Message, AlertCount: v.AlertCount, AsOf: v.AsOf, EvaluatedAt: v.EvaluatedAt,
			Window: v.Window, Policy: PolicyApplied{HostAlerts: v.Policy.HostAlerts},
		}
	}
	slim.Contradiction = gate.Contradiction.slim()
	return &slim
}

// unwait takes a gate out of those that wait for something. The caller holds mu.
func (g *Gates) unwait(e *gateEntry) {
	if w := e.waiter; w != nil {
		e.waiter = nil
		g.service.tail.waiting.forget(w)
	}
	if e.due >= 0 {
		g.timers.remove(e.due)
	}
}

// enqueue has a gate looked at. The caller holds mu.
func (g *Gates) enqueue(e *gateEntry) {
	g.queue = append(g.queue, gateWork{e.gate.ID, e.revision})
	signal(g.wake)
}

// work looks at gates that may have an answer, until ctx ends.
func (g *Gates) work(ctx context.Context) {
	// By half an index a gate could not pass any more, and would wait for alerts alone.
	if g.service.tail.caughtUp(ctx) != nil {
		return
	}
	for {
		g.mu.Lock()
		g.answerRung()
		var e *gateEntry
		var next gateWork
		for e == nil && len(g.queue) > 0 {
			next, g.queue = g.queue[0], g.queue[1:]
			if known := g.known[next.id]; known != nil && known.revision == next.revision && known.waiter == nil {
				e = known
			}
		}
		more := len(g.queue) > 0
		g.mu.Unlock()
		if more {
			signal(g.wake)
		}
		if e != nil {
			g.consider(ctx, e, next)
			continue
		}
		select {
		case <-g.wake:
		case <-ctx.Done():
			return
		}
	}
}

// now is the clock that gates go by.
func (g *Gates) now() time.Time { return g.service.now().UTC().Round(0) }
