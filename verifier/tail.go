package verifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/falcogate/falcogate/correlate"
)

// TailOptions configure a Tail.
type TailOptions struct {
	Log Source // required
	// Limits bound the index; the zero value is no limit.
	Limits correlate.Limits
	// MaxSensors as in correlate.NewState; zero means its default.
	MaxSensors int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger is told of gaps and unreadable records. Nil discards.
	Logger *slog.Logger
	// Registerer gets the index's collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// Tail is the one loop that owns a correlate.State and feeds it from the event
// log. All methods but Run may be called concurrently, before, during and after
// Run.
type Tail struct {
	log    Source
	now    func() time.Time
	logger *slog.Logger
	meters tailMetrics

	limits     correlate.Limits
	maxSensors int
	waiting    waiting

	mu       sync.RWMutex
	state    *correlate.State // Run alone writes to it
	started  bool             // target is known, and the floor raised
	created  time.Time        // when the log was made: which one it is
	target   uint64           // where the log ended at start
	position uint64           // up to where the log is applied, or known to be empty
	changed  chan struct{}    // closed and replaced when one of these changes
	stopped  error            // why Run has ended
}

// ErrTailStopped is what WaitFor and Ready return once Run has ended.
var ErrTailStopped = errors.New("the index is not fed any more")

// NewTail makes a Tail with an empty state. Nothing is read before Run.
func NewTail(opts TailOptions) *Tail {
	t := &Tail{
		log:    opts.Log,
		now:    opts.Now,
		logger: opts.Logger,
		limits: opts.Limits, maxSensors: opts.MaxSensors,
		state:   correlate.NewState(opts.Limits, opts.MaxSensors),
		changed: make(chan struct{}),
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.logger == nil {
		t.logger = slog.New(slog.DiscardHandler)
	}
	t.meters = newTailMetrics(opts.Registerer, t)
	return t
}

// Run feeds the state until ctx ends, and returns nil then. Outages of the log
// are waited out. Any other end is an error that no retry heals, such as a
// record with an unknown schema version: the process should stop with it. Call
// it once.
func (t *Tail) Run(ctx context.Context) error {
	err := t.run(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = ErrTailStopped
	if err != nil {
		t.stopped = fmt.Errorf("%w: %w", ErrTailStopped, err)
	}
	t.broadcast()
	t.waiting.release()
	return err
}

func (t *Tail) run(ctx context.Context) error {
	first, err := t.begin(ctx)
	if err != nil {
		return err
	}
	next := first
	err = t.log.Tail(ctx, first, func(batch []*correlate.Record) error {
		if len(batch) == 0 {
			return nil
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, rec := range batch {
			if rec.Position > next {
				t.skipped(next, rec)
			}
			if err := t.apply(rec); err != nil {
				return err
			}
			next = rec.Position + 1
		}
		t.position = batch[len(batch)-1].Position
		t.meters.applied(len(batch), t.now().Sub(t.state.Logged()))
		t.broadcast()
		t.waiting.stir(t.state, batch)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the event log from position %d on: %w", next, err)
	}
	return errors.New("reading the event log ended without an error")
}

// begin finds out where the log begins and ends. What it does not hold any more
// was lost to the index: nothing before its first record is proven.
func (t *Tail) begin(ctx context.Context) (first uint64, err error) {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = time.Second
	b, err := backoff.Retry(ctx, func() (correlate.Bounds, error) {
		return t.log.Bounds(ctx)
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
		t.logger.WarnContext(ctx, "event log cannot be asked for its bounds, trying again", "error", err, "wait", wait)
	}))
	if err != nil {
		return 0, fmt.Errorf("asking the event log for its bounds: %w", err)
	}

	t.mu.Lock()
	defer t.mu.Unlock()
	if b.First > 1 {
		floor := b.FirstTime
		if b.First > b.Last {
			// All was evicted, and nothing tells how late the last of it was.
			floor = t.now()
		}
		t.state.Index().RaiseFloor(floor)
	}
	if b.First > b.Last {
		t.position = b.Last
	}
	t.created, t.target, t.started = b.Created, b.Last, true
	t.broadcast()
	t.logger.InfoContext(ctx, "reading the event log", "first", b.First, "last", b.Last)
	return max(b.First, 1), nil
}

// skipped takes note that the log has evicted the records from next up to rec
// before they were read.
func (t *Tail) skipped(next uint64, rec *correlate.Record) {
	t.state.Index().RaiseFloor(rec.Logged)
	t.meters.skipped.Add(float64(rec.Position - next))
	t.logger.Warn("records were evicted from the event log before they were read; nothing earlier is proven",
		"from", next, "to", rec.Position-1, "floor", rec.Logged)
}

// apply gives rec to the state.
func (t *Tail) apply(rec *correlate.Record) error {
	refused, err := applyTo(t.state, rec)
	if refused != nil {
		t.meters.refused.Inc()
		t.logger.Error("record of the event log cannot be applied", "position", rec.Position, "error", refused)
	}
	return err
}

// applyTo gives rec to a state. A record that the state refuses for what it
// holds is kept as a malformed message: one such record must not stop the gate
// for ever, nor be lost without a trace. Refused says why it was.
func applyTo(state *correlate.State, rec *correlate.Record) (refused, err error) {
	err = state.Apply(rec)
	if err == nil || errors.Is(err, correlate.ErrPosition) {
		return nil, err
	}
	substitute := *rec
	malformed := &correlate.Malformed{Peer: "event log", Reason: err.Error()}
	if rec.Body != nil {
		malformed.Hostname = rec.Body.Sensor()
	}
	substitute.Body = malformed
	return err, state.Apply(&substitute)
}

// broadcast wakes all who wait. The caller holds mu for writing.
func (t *Tail) broadcast() {
	close(t.changed)
	t.changed = make(chan struct{})
}
