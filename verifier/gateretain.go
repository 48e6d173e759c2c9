package verifier

import (
	"context"
	"slices"
	"time"
)

// Bounds of how long gates that are over are kept.
const (
	// DefaultGateRetention is for how long unless another time is given.
	DefaultGateRetention = 7 * 24 * time.Hour
	// MaxGateRetention is what the store surely keeps.
	MaxGateRetention = 30 * 24 * time.Hour
	// sweepInterval is how often it is looked which ones are to be forgotten.
	sweepInterval = time.Minute
)

// overGate is a gate to be forgotten.
type overGate struct {
	gateWork
	entry *gateEntry
	over  time.Time
}

// over is when a gate that is final became so.
func (gate *Gate) over() time.Time {
	switch {
	case gate.Contradiction != nil:
		return gate.Contradiction.EvaluatedAt
	case gate.Verdict != nil:
		return gate.Verdict.EvaluatedAt
	case !gate.CancelledAt.IsZero():
		return gate.CancelledAt
	}
	return gate.OpenedAt
}

// forgetOver forgets the gates that are over, until ctx ends: those that have been so for
// the retention, and when there are more than may be open, those that have been so for
// the longest. All replicas do; the store forgets what they know and nothing newer.
func (g *Gates) forgetOver(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for _, o := range g.forgettable() {
			if err := g.forget(ctx, o); err != nil {
				if ctx.Err() == nil {
					g.logger.WarnContext(ctx, "a gate that is over could not be forgotten", "gate", o.id, "error", err)
				}
				break // the store is away, and the next turn takes them all
			}
		}
	}
}

// forgettable are the gates to be forgotten now.
func (g *Gates) forgettable() []overGate {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []overGate
	for id, e := range g.known {
		if e.gate.State == GateCancelled || e.gate.State == GateDecided && e.gate.Published {
			all = append(all, overGate{gateWork{id, e.revision}, e, e.gate.over()})
		}
	}
	slices.SortFunc(all, func(a, b overGate) int { return a.over.Compare(b.over) })
	latest := g.now().Add(-g.retention)
	n, _ := slices.BinarySearchFunc(all, latest, func(o overGate, t time.Time) int { return o.over.Compare(t) })
	return all[:max(n, len(all)-g.maxOpen)]
}

// forget forgets a gate, unless it is not as it was any more.
func (g *Gates) forget(ctx context.Context, o overGate) error {
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := g.store.Remove(bounded, o.id, o.revision); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if o.entry.revision == o.revision {
		g.unwait(o.entry)
		delete(g.known, o.id)
	}
	return nil
}
