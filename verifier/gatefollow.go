package verifier

import (
	"context"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// GateEventInterval is how often a stream of a gate's events has something to read at
// least, be it that it is still there.
const GateEventInterval = 15 * time.Second

// GateEventKind names what a GateEvent tells.
type GateEventKind string

// Kinds of events. The last one of a gate is one of the latter two.
const (
	GateEventProgress  GateEventKind = "progress"  // how far it has come
	GateEventVerdict   GateEventKind = "verdict"   // it is decided
	GateEventCancelled GateEventKind = "cancelled" // it gets no verdict
)

// GateEvent tells who follows a gate what became of it.
type GateEvent struct {
	Kind     GateEventKind
	Progress *GateProgress // with GateEventProgress
	// Gate is the gate at its end, with its whole verdict. It is the receiver's own.
	Gate *Gate
}

// GateProgress is how far a gate has come. Its JSON form is what is answered. It has
// nothing of what Verdict.Withhold leaves out.
type GateProgress struct {
	ID    string    `json:"id"`
	State GateState `json:"state"`
	// End is when the window ends, and EndIn how long that is from EvaluatedAt on, at
	// least 0; both are left out while that is not known.
	End   time.Time `json:"end,omitzero"`
	EndIn *Duration `json:"end_in,omitzero"`
	// Deadline and DeadlineIn likewise.
	Deadline   time.Time `json:"deadline"`
	DeadlineIn Duration  `json:"deadline_in"`
	AlertCount uint64    `json:"alert_count"` // in scope, in what has passed of the window
	// SensorsNeeded are needed for a pass, and SensorsProven are those of them of which
	// nothing is missing in what has passed of the window, but their next proof.
	SensorsNeeded int `json:"sensors_needed"`
	SensorsProven int `json:"sensors_proven"`
	// ProvenUntil is up to when all that are needed have given proof; left out when
	// one of them has given none.
	ProvenUntil time.Time `json:"proven_until,omitzero"`
	// Reason and Message say what stands most against a pass of what has passed of the
	// window, or what that would rest on when nothing does; Pending that it may go away
	// by itself.
	Pending bool       `json:"pending"`
	Reason  ReasonCode `json:"reason"`
	Message string     `json:"message"`

	AsOf        uint64    `json:"as_of"`
	EvaluatedAt time.Time `json:"evaluated_at"`
}

// lasting is the progress without what goes on by itself, such as the times in messages.
func (p GateProgress) lasting() GateProgress {
	p.EndIn, p.DeadlineIn, p.AsOf, p.EvaluatedAt, p.Message = nil, 0, 0, time.Time{}, ""
	return p
}

// followInterval is how often a gate is looked at for each who follows it.
const followInterval = time.Second

// Follow calls fn with how far a gate has come, now and whenever that has changed, and
// at last with its verdict or that it was cancelled; then it returns nil. It looks once
// in followInterval; the gate's own changes, its end first of all, come at once. The
// error is fn's, ctx's, ErrNoGate, ErrGatesNotReady, or the store's.
func (g *Gates) Follow(ctx context.Context, id string, fn func(GateEvent) error) error {
	if _, err := g.Get(ctx, id); err != nil {
		return err
	}
	var last GateProgress
	told := false
	defer func() {
		if told {
			g.meters.followers.Dec()
		}
	}()
	for {
		gate, changed, err := g.current(id)
		if err != nil {
			return err
		}
		switch {
		case gate == nil: // another replica has opened it just now
		case gate.State.final():
			if end, err := g.ended(ctx, id); err != nil || end != nil {
				if err == nil {
					err = fn(*end)
				}
				return err
			}
		default:
			p, err := g.progress(ctx, gate)
			if err != nil {
				return err
			}
			if lasting := p.lasting(); lasting != last {
				last = lasting
				if err := fn(GateEvent{Kind: GateEventProgress, Progress: p}); err != nil {
					return err
				}
				if !told {
					told = true
					g.meters.followers.Inc()
				}
			}
		}
		if err := nextLook(ctx, changed); err != nil {
			return err
		}
	}
}

// current is a gate as this replica knows it, nil when it does not yet, and what is
// closed when that changes.
func (g *Gates) current(id string) (*Gate, <-chan struct{}, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.whole {
		return nil, nil, ErrGatesNotReady
	}
	e := g.known[id]
	if e == nil {
		return nil, nil, nil
	}
	return e.gate, e.changed, nil
}

// ended is the last event of a gate; nil when the store does not have it yet.
func (g *Gates) ended(ctx context.Context, id string) (*GateEvent, error) {
	gate, err := g.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case gate.State == GateDecided && gate.Verdict != nil:
		return &GateEvent{Kind: GateEventVerdict, Gate: gate}, nil
	case gate.State == GateCancelled:
		return &GateEvent{Kind: GateEventCancelled, Gate: gate}, nil
	}
	return nil, nil
}

// nextLook blocks until the gate has changed, or the interval is over.
func nextLook(ctx context.Context, changed <-chan struct{}) error {
	timer := time.NewTimer(followInterval)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// progress looks at a gate that is not over, in what has passed of its window.
func (g *Gates) progress(ctx context.Context, gate *Gate) (*GateProgress, error) {
	s := g.service
	p := &GateProgress{ID: gate.ID, State: gate.State, End: gate.End, Deadline: gate.Deadline, EvaluatedAt: g.now()}
	if !gate.ClosedAt.IsZero() {
		p.End = gate.ClosedAt
	}
	p.DeadlineIn = Duration(max(0, p.Deadline.Sub(p.EvaluatedAt)))
	until := p.EvaluatedAt
	if !p.End.IsZero() {
		in := Duration(max(0, p.End.Sub(until)))
		p.EndIn = &in
		if in == 0 {
			until = p.End
		}
	}
	if !gate.Start.Before(until) {
		until = gate.Start.Add(1)
	}
	ask, err := gate.asked(until, s.policy, s.sensors, s.places)
	if err != nil {
		return nil, err
	}
	var f findings
	err = s.readTold(ctx, &ask, func() (err error) {
		s.tail.View(func(state *correlate.State, asOf uint64) {
			ask.place(state)
			ask.placeBaseline(state)
			f = findings{asOf: asOf}
			err = f.look(state, ask)
			p.ProvenUntil = provenUntil(state, &ask)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("asking the index: %w", err)
	}
	v := decide(ask, f)
	v.Withhold()
	p.AlertCount, p.SensorsNeeded, p.SensorsProven = v.AlertCount, v.Coverage.SensorCount, soFar(&f.coverage, ask.policy.Evidence)
	p.Pending, p.Reason, p.Message, p.AsOf = v.Pending, v.Reason, v.Message, v.AsOf
	return p, nil
}

// soFar counts the sensors of which only the next proof is missing.
func soFar(c *correlate.Coverage, level Evidence) int {
	broken := map[string]bool{}
	for _, gap := range needed(c.Gaps, level) {
		if gap.Kind != correlate.GapPending && gap.Sensor != "" {
			broken[gap.Sensor] = true
		}
	}
	return len(c.Sensors) - len(broken)
}

// provenUntil is how far the proof of all needed sensors reaches, at most to the end of
// the window.
func provenUntil(state *correlate.State, ask *asked) time.Time {
	accounted, heard := state.Sensors().Proven(ask.need)
	until := accounted
	switch ask.policy.Evidence {
	case None:
		return time.Time{}
	case Heard:
		until = heard
	}
	if until.After(ask.Window.End) {
		until = ask.Window.End
	}
	return utc(until)
}
