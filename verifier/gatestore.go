package verifier

import (
	"context"
	"errors"
)

// ErrGateChanged is what GateStore.Put returns when another has changed the gate since.
var ErrGateChanged = errors.New("the gate was changed by another")

// GateStore keeps gates, durably, for all replicas. Its methods wait out an outage until
// ctx ends, and may be called concurrently.
type GateStore interface {
	// Put stores what a gate is now, unless another has changed it since the revision
	// (zero: made it); then the error is ErrGateChanged. It returns the new revision.
	Put(ctx context.Context, id string, data []byte, revision uint64) (uint64, error)
	// Get returns what a gate is now, with revision zero when there is none.
	Get(ctx context.Context, id string) (data []byte, revision uint64, err error)
	// Remove forgets a gate, unless it has changed since the revision. Watch does not tell.
	Remove(ctx context.Context, id string, revision uint64) error
	// Watch calls fn with all gates and then with each change in the order of their
	// revisions, until ctx ends. Whole is true once fn has had all that there was. After
	// an outage fn gets gates that it had before.
	Watch(ctx context.Context, fn func(changes []GateChange, whole bool) error) error
}

// GateChange is what a gate is from a revision on.
type GateChange struct {
	ID       string
	Data     []byte
	Revision uint64
}
