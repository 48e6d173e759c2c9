package verifier

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/correlate"
)

// storeTimeout bounds each try to store a verdict; the next one begins from what is
// known then.
const storeTimeout = 30 * time.Second

// consider looks at a gate: it decides it, publishes what was decided, or has it wait,
// also for what contradicts its verdict.
func (g *Gates) consider(ctx context.Context, e *gateEntry, work gateWork) {
	g.mu.Lock()
	gate := e.gate
	current := e.revision == work.revision && e.waiter == nil
	g.mu.Unlock()
	switch {
	case !current:
	case gate.State == GateDecided && !gate.Published:
		g.publish(ctx, e, gate, work.revision)
	case gate.State == GateDecided:
		g.watchPass(ctx, e, gate, work)
	default:
		v, err := g.answer(ctx, e, gate, work.revision)
		switch {
		case err != nil && ctx.Err() == nil:
			g.again(ctx, e, work, "looking for an answer", err)
		case v != nil:
			g.decide(ctx, e, gate, work, v)
		}
	}
}

// answer returns the gate's verdict. It is nil while there is none; then the gate waits
// for what may give one.
func (g *Gates) answer(ctx context.Context, e *gateEntry, gate *Gate, revision uint64) (*Verdict, error) {
	s := g.service
	ask, err := gate.asked(gate.ClosedAt, s.policy, s.sensors, s.places)
	if err != nil {
		return nil, err // it was checked when it was opened, by whoever did that
	}
	due := !g.now().Before(gate.Deadline)
	var behind error
	if due {
		// What the index lacks now may be an alert.
		behind = s.reachEnd(ctx, s.catchUp)
	}
	var v *Verdict
	var lists listing
	look := func(behind error, hold bool) error {
		return s.readTold(ctx, &ask, func() (err error) {
			v, lists, err = g.look(e, revision, &ask, behind, hold)
			return err
		})
	}
	if err = look(behind, !due); err != nil || v == nil {
		return nil, err
	}
	if v.Verdict == Pass && !due {
		// An alert may be in the log that is not in the index yet.
		if behind := s.reachEnd(ctx, s.catchUp); behind != nil {
			return nil, behind
		}
		if err = look(nil, true); err != nil || v == nil {
			return nil, err
		}
	}
	s.list(ctx, v, lists)
	v.EvaluatedAt = g.now()
	return v, nil
}

// look judges a gate by the state as it is. One without an answer takes its place among
// those who wait before the state can change, and gets no verdict.
func (g *Gates) look(e *gateEntry, revision uint64, ask *asked, behind error, hold bool) (v *Verdict, lists listing, err error) {
	g.service.tail.View(func(state *correlate.State, asOf uint64) {
		v, lists, err = judge(state, asOf, ask, behind)
		// Trust in silence is none in what is still to come.
		settled := ask.Window.End.Add(ask.policy.Settling)
		early := v != nil && v.Verdict == Pass && g.now().Before(settled)
		if err != nil || !hold || v.Verdict != Inconclusive && !early {
			return
		}
		pending := v.Pending
		v = nil
		g.mu.Lock()
		defer g.mu.Unlock()
		if e.revision != revision || e.waiter != nil {
			return
		}
		// A gate that can't pass any more still waits for an alert.
		e.waiter = g.service.tail.enter(ask, pending, func() { g.woken(e, revision) })
		rings := e.gate.Deadline
		if early && settled.Before(rings) {
			rings = settled
		}
		if g.timers.set(e, rings) {
			signal(g.alarm)
		}
	})
	return v, lists, err
}

// decide stores a gate's verdict, and publishes it when no other was faster.
func (g *Gates) decide(ctx context.Context, e *gateEntry, gate *Gate, work gateWork, v *Verdict) {
	decided := *gate
	decided.State, decided.Verdict = GateDecided, v
	v.Gate = &GateRef{ID: gate.ID, OpenedAt: gate.OpenedAt, Labels: gate.Labels, Digest: gate.Digest}
	v.ID = verdictID(v)
	// What is stored is what is published, and must fit as that.
	if _, err := encodeEvent(v); err != nil {
		g.again(ctx, e, work, "encoding the verdict", err)
		return
	}
	began := time.Now()
	revision, err := g.put(ctx, &decided, work.revision)
	switch {
	case errors.Is(err, ErrGateChanged):
		return // the watch brings what the other found
	case err != nil:
		g.again(ctx, e, work, "storing the verdict", err)
		return
	}
	g.meters.decided.WithLabelValues(v.Verdict.String()).Inc()
	g.mu.Lock()
	g.take(&decided, revision, true)
	e.own = ownChange{revision, began}
	g.mu.Unlock()
}

// publish publishes the verdict of a gate that was decided, or what contradicts one that
// was published, and notes that it did.
func (g *Gates) publish(ctx context.Context, e *gateEntry, gate *Gate, revision uint64) {
	work := gateWork{gate.ID, revision}
	absent, err := g.absentSince(ctx, e, gate, revision)
	switch {
	case err != nil || absent.IsZero():
	case gate.Contradiction != nil:
		err = g.contradictionEvent(ctx, gate.Contradiction, absent)
	default:
		err = g.verdictEvent(ctx, gate.Verdict, absent)
	}
	if err != nil {
		g.again(ctx, e, work, "publishing the verdict, or what contradicts it", err)
		return
	}
	published := *gate
	published.Published = true
	next, err := g.put(ctx, &published, revision)
	switch {
	case errors.Is(err, ErrGateChanged): // another has published it too; its id is the same
	case err != nil:
		g.again(ctx, e, work, "noting that the verdict was published", err)
	default:
		g.mu.Lock()
		g.take(&published, next, true)
		g.mu.Unlock()
	}
}

// put stores what a gate is now.
func (g *Gates) put(ctx context.Context, gate *Gate, revision uint64) (uint64, error) {
	data, err := json.Marshal(gate, JSONOptions)
	if err != nil {
		return 0, err
	}
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return g.store.Put(bounded, gate.ID, data, revision)
}

// again has a gate looked at once more after something went wrong.
func (g *Gates) again(ctx context.Context, e *gateEntry, work gateWork, doing string, err error) {
	if ctx.Err() != nil {
		return
	}
	g.meters.retries.Inc()
	g.logger.WarnContext(ctx, "a gate will be looked at again", "gate", work.id, "doing", doing, "error", err)
	// The others are not kept waiting for it.
	time.AfterFunc(retryInterval, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if e.revision == work.revision && e.waiter == nil {
			g.enqueue(e)
		}
	})
}

// retryInterval is between two looks at a gate of which the first went wrong.
const retryInterval = time.Second
