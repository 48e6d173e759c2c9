package verifier

import (
	"context"
	"fmt"

	"github.com/falcogate/falcogate/correlate"
)

// View calls fn with the state and the position of the log up to which it was
// applied. Fn may only query the state, must not keep it, and should be short:
// the tail waits for it.
func (t *Tail) View(fn func(state *correlate.State, asOf uint64)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	fn(t.state, t.position)
}

// Position is that of the last record applied. In a log that held nothing at
// start it is where the log ended.
func (t *Tail) Position() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.position
}

// Ready is nil once the state has reached where the log ended when Run began,
// as long as Run goes on. Else it says what is missing.
func (t *Tail) Ready() error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch {
	case t.stopped != nil:
		return t.stopped
	case !t.started:
		return fmt.Errorf("the event log has not been reached yet")
	case t.position < t.target:
		return fmt.Errorf("the index is being built: at position %d of %d", t.position, t.target)
	}
	return nil
}

// caughtUp blocks until Ready is nil for the first time, or ctx ends; it returns ctx's
// error then.
func (t *Tail) caughtUp(ctx context.Context) error {
	for {
		t.mu.RLock()
		changed := t.changed
		t.mu.RUnlock()
		if t.Ready() == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// WaitFor blocks until the state has been applied up to position, and returns
// nil. It returns ctx's error when that ends first, and ErrTailStopped when Run
// ends.
func (t *Tail) WaitFor(ctx context.Context, position uint64) error {
	for {
		t.mu.RLock()
		reached := t.started && t.position >= position
		at, changed, stopped := t.position, t.changed, t.stopped
		t.mu.RUnlock()
		switch {
		case stopped != nil:
			return stopped
		case reached:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the index is at position %d of %d: %w", at, position, ctx.Err())
		}
	}
}
