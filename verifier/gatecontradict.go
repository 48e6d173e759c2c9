package verifier

import (
	"context"
	"errors"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// watchPass has a gate that has passed wait for an alert that contradicts it; one that
// came already does so at once. Before the gate is forgotten nothing else ends that.
func (g *Gates) watchPass(ctx context.Context, e *gateEntry, gate *Gate, work gateWork) {
	if !gate.watched() {
		return
	}
	asks := *gate
	asks.FirstPod, asks.Start = false, gate.Verdict.Window.Start
	ask, err := asks.asked(gate.Verdict.Window.End, g.service.policy, g.service.sensors, g.service.places)
	if err != nil {
		g.logger.WarnContext(ctx, "a gate that has passed can't be asked again: alerts that come late will not be told", "gate", gate.ID, "error", err)
		return
	}
	hosts := gate.Verdict.Policy.HostAlerts == HostFail
	late := false
	g.service.tail.View(func(state *correlate.State, _ uint64) {
		if late = ask.someAlert(state, hosts); !late {
			g.waitForLate(e, &ask, hosts, work)
		}
	})
	if !late {
		return
	}
	switch found, err := g.contradict(ctx, e, &ask, hosts, work); {
	case err != nil:
		g.again(ctx, e, work, "looking for what contradicts a pass", err)
	case found != nil:
		g.note(ctx, e, found, work)
	}
}

// waitForLate has a gate that has passed woken by the next alert that may contradict it.
// The caller looks at the state meanwhile, so that none is missed.
func (g *Gates) waitForLate(e *gateEntry, ask *asked, hosts bool, work gateWork) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.revision == work.revision && e.waiter == nil {
		e.waiter = g.service.tail.enterPassed(ask, hosts, func() { g.woken(e, work.revision) })
	}
}

// watched reports whether alerts may still contradict the gate's verdict.
func (gate *Gate) watched() bool {
	return gate.State == GateDecided && gate.Published && gate.Verdict != nil && gate.Verdict.Verdict == Pass && gate.Contradiction == nil
}

// someAlert reports whether an alert is there that may count, which most of the time
// none is: only then the question is worth judging.
func (a *asked) someAlert(state *correlate.State, hosts bool) bool {
	a.place(state)
	n, err := state.Index().Count(a.inScope)
	if err != nil || n.Total() > 0 {
		return true
	}
	if !hosts {
		return false
	}
	n, err = state.Index().Count(a.host)
	return err != nil || n.Total() > 0
}

// contradict asks the verdict's question again. It returns the gate with what contradicts
// its verdict, or nil when nothing does; then it waits on.
func (g *Gates) contradict(ctx context.Context, e *gateEntry, ask *asked, hosts bool, work gateWork) (*Gate, error) {
	s := g.service
	gate, revision, err := g.get(ctx, work.id)
	switch {
	case err != nil:
		return nil, err // one that is forgotten is not looked at again
	case revision != work.revision || !gate.watched():
		return nil, nil // another was faster, and the watch brings it
	}
	again, err := gate.Verdict.passedAsked()
	if err != nil {
		return nil, err
	}
	var v *Verdict
	var lists listing
	err = s.readTold(ctx, &again, func() (err error) {
		s.tail.View(func(state *correlate.State, asOf uint64) {
			v, lists, err = judge(state, asOf, &again, nil)
			if err == nil && v.Verdict != Fail {
				g.waitForLate(e, ask, hosts, work)
			}
		})
		return err
	})
	if err != nil || v.Verdict != Fail {
		return nil, err
	}
	s.list(ctx, v, lists)
	v.EvaluatedAt = g.now()
	gate.Contradiction, gate.Published = contradict(gate.Verdict, v), false
	if _, err := gate.Contradiction.encode(); err != nil {
		return nil, err
	}
	return gate, nil
}

// note stores a contradiction with its gate, unless another replica did; whoever did
// publishes it.
func (g *Gates) note(ctx context.Context, e *gateEntry, gate *Gate, work gateWork) {
	began := time.Now()
	revision, err := g.put(ctx, gate, work.revision)
	switch {
	case errors.Is(err, ErrGateChanged):
		return
	case err != nil:
		g.again(ctx, e, work, "storing a contradiction", err)
		return
	}
	g.meters.contradicted.Inc()
	g.logger.WarnContext(ctx, "alerts came late for a gate that has passed", "gate", gate.ID, "namespace", gate.Namespace,
		"verdict", gate.Verdict.ID, "contradiction", gate.Contradiction.ID, "alerts", gate.Contradiction.AlertCount)
	g.mu.Lock()
	g.take(gate, revision, true)
	e.own = ownChange{revision, began}
	g.mu.Unlock()
}
