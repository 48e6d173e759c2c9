package memlog

import (
	"context"
	"sync"

	"github.com/falcogate/falcogate/verifier"
)

// Gates is a verifier.GateStore in memory, for several replicas. Its methods may be
// called concurrently.
type Gates struct {
	mu       sync.Mutex
	latest   map[string]verifier.GateChange
	revision uint64
	down     error
	changed  chan struct{}
}

// NewGates makes an empty store.
func NewGates() *Gates {
	return &Gates{latest: map[string]verifier.GateChange{}, changed: make(chan struct{})}
}

// Break has Put fail with an error, or work again with nil.
func (g *Gates) Break(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = err
}

// Put implements verifier.GateStore.
func (g *Gates) Put(_ context.Context, id string, data []byte, revision uint64) (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.down != nil:
		return 0, g.down
	case g.latest[id].Revision != revision:
		return 0, verifier.ErrGateChanged
	}
	g.revision++
	g.latest[id] = verifier.GateChange{ID: id, Data: data, Revision: g.revision}
	close(g.changed)
	g.changed = make(chan struct{})
	return g.revision, nil
}

// Get implements verifier.GateStore.
func (g *Gates) Get(_ context.Context, id string) ([]byte, uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.latest[id]
	return c.Data, c.Revision, nil
}

// Count is how many gates there are, for verifier.RolloutStore.
func (g *Gates) Count(context.Context) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.latest), g.down
}

// Remove implements verifier.GateStore.
func (g *Gates) Remove(_ context.Context, id string, revision uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down != nil {
		return g.down
	}
	if g.latest[id].Revision <= revision {
		delete(g.latest, id)
	}
	return nil
}

// Watch implements verifier.GateStore.
func (g *Gates) Watch(ctx context.Context, fn func([]verifier.GateChange, bool) error) error {
	var seen uint64
	for {
		g.mu.Lock()
		var changes []verifier.GateChange
		for _, c := range g.latest {
			if c.Revision > seen {
				changes = append(changes, c)
			}
		}
		seen = g.revision
		changed := g.changed
		g.mu.Unlock()
		if err := fn(changes, true); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
