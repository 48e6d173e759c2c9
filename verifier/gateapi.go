package verifier

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Open opens a gate, and reports whether it was not open before: the same gate opened
// again is the same one. An id is made for a spec without one. The error is a
// *FieldError, ErrGateDiffers, ErrTooManyGates, ErrGatesNotReady, or the store's.
func (g *Gates) Open(ctx context.Context, spec GateSpec) (gate *Gate, opened bool, err error) {
	return g.OpenAt(ctx, func(time.Time) (GateSpec, error) { return spec, nil })
}

// OpenAt is Open with a spec whose times may count from when the gate is opened: spec
// makes it as of then, and its error is returned. It may be called again with the time
// at which a gate of that id was opened: who opens the same once more means the same
// times.
func (g *Gates) OpenAt(ctx context.Context, spec func(now time.Time) (GateSpec, error)) (gate *Gate, opened bool, err error) {
	now := g.now()
	asked, err := spec(now)
	if err != nil {
		return nil, false, err
	}
	made := asked.ID == ""
	if made {
		asked.ID = strings.ToLower(rand.Text())
	}
	wrong := asked.complete(now)
	if made && wrong != nil {
		return nil, false, wrong
	}
	g.mu.Lock()
	ready, full := g.whole, g.open >= g.maxOpen
	g.mu.Unlock()
	if !ready {
		return nil, false, ErrGatesNotReady
	}
	if !made {
		// What is there may be older than what its times allow now.
		if there, err := g.Get(ctx, asked.ID); !errors.Is(err, ErrNoGate) {
			return reopened(there, spec, err)
		}
	}
	switch {
	case wrong != nil:
		return nil, false, wrong
	case full:
		return nil, false, fmt.Errorf("%w: %d", ErrTooManyGates, g.maxOpen)
	}
	gate = &Gate{GateSpec: asked, State: GateOpen, OpenedAt: now}
	revision, err := g.put(ctx, gate, 0)
	if errors.Is(err, ErrGateChanged) {
		there, err := g.Get(ctx, asked.ID)
		return reopened(there, spec, err)
	}
	if err != nil {
		return nil, false, fmt.Errorf("storing gate %s: %w", asked.ID, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.take(gate, revision, true)
	return gate, true, nil
}

// reopened answers who opens a gate that is there, if it could be read.
func reopened(there *Gate, spec func(time.Time) (GateSpec, error), err error) (*Gate, bool, error) {
	if err == nil {
		err = there.differs(spec)
	}
	if err != nil {
		return nil, false, err
	}
	return there, false, nil
}

// differs is ErrGateDiffers when the gate does not ask what a spec does: what the spec
// leaves out may be anything that was filled in.
func (gate *Gate) differs(spec func(time.Time) (GateSpec, error)) error {
	again, err := spec(gate.OpenedAt)
	again.ID = gate.ID
	if err == nil {
		err = again.complete(gate.OpenedAt)
	}
	if !gate.ClosedAt.IsZero() && again.Deadline.After(gate.Deadline) {
		again.Deadline = gate.Deadline // closing it has moved that
	}
	if err != nil || !reflect.DeepEqual(again, gate.GateSpec) {
		return fmt.Errorf("%w: gate %s was opened at %s", ErrGateDiffers, gate.ID, stamp(gate.OpenedAt))
	}
	return nil
}

// Get returns a gate as it is stored now. The error is ErrNoGate, ErrGateStale, or the
// store's.
func (g *Gates) Get(ctx context.Context, id string) (*Gate, error) {
	gate, _, err := g.get(ctx, id)
	return gate, err
}

func (g *Gates) get(ctx context.Context, id string) (*Gate, uint64, error) {
	if !gateID.MatchString(id) {
		return nil, 0, ErrNoGate
	}
	known, state := g.revisionOf(id)
	data, revision, err := g.store.Get(ctx, id)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("reading gate %s: %w", id, err)
	case revision < known && (revision > 0 || !state.final()): // one that is over may be forgotten
		return nil, 0, fmt.Errorf("%w: gate %s at revision %d, and %d is known", ErrGateStale, id, revision, known)
	case revision == 0:
		return nil, 0, ErrNoGate
	}
	gate := &Gate{}
	if err := json.Unmarshal(data, gate, JSONOptions); err != nil {
		return nil, 0, fmt.Errorf("gate %s can't be read: %w", id, err)
	}
	return gate, revision, nil
}

// revisionOf is the last that this replica knows of a gate; zero for none.
func (g *Gates) revisionOf(id string) (uint64, GateState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.known[id]; e != nil {
		return e.revision, e.gate.State
	}
	return 0, ""
}

// Close ends the window of a gate that is open, now or, when end is given, then: at its
// start at the earliest and now at the latest. The deadline comes no later than
// DefaultPatience behind it. A gate that is closed already stays as it is. The error is
// ErrNoGate, ErrGateFinal, a *FieldError, or the store's.
func (g *Gates) Close(ctx context.Context, id string, end time.Time) (*Gate, error) {
	return g.change(ctx, id, func(gate *Gate, now time.Time) error {
		if gate.State == GateClosed {
			return nil
		}
		at := now
		if !end.IsZero() {
			at = end.UTC().Round(0)
		}
		switch {
		case at.After(now):
			return &FieldError{"end", InFuture(at, now)}
		case !gate.Start.Before(at):
			return &FieldError{"end", fmt.Sprintf("%s is not after the gate's start, %s", stamp(at), stamp(gate.Start))}
		case !gate.End.IsZero() && at.After(gate.End):
			at = gate.End
		}
		gate.State, gate.ClosedAt = GateClosed, at
		if patience := now.Add(DefaultPatience); gate.Deadline.After(patience) {
			gate.Deadline = patience
		}
		return nil
	})
}

// Cancel ends a gate without a verdict. The error is as Close's.
func (g *Gates) Cancel(ctx context.Context, id string) (*Gate, error) {
	return g.change(ctx, id, func(gate *Gate, now time.Time) error {
		gate.State, gate.CancelledAt = GateCancelled, now
		return nil
	})
}

// change changes a gate that is not over.
func (g *Gates) change(ctx context.Context, id string, change func(*Gate, time.Time) error) (*Gate, error) {
	for {
		gate, revision, err := g.get(ctx, id)
		if err != nil {
			return nil, err
		}
		if gate.State.final() {
			return gate, fmt.Errorf("%w: gate %s is %s", ErrGateFinal, id, gate.State)
		}
		if err := change(gate, g.now()); err != nil {
			return nil, err
		}
		next, err := g.put(ctx, gate, revision)
		if errors.Is(err, ErrGateChanged) {
			continue // it may have been decided
		}
		if err != nil {
			return nil, fmt.Errorf("storing gate %s: %w", id, err)
		}
		g.mu.Lock()
		g.take(gate, next, true)
		g.mu.Unlock()
		return gate, nil
	}
}
