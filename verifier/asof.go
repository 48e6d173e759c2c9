package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// ErrBusy is what a question about an earlier position, or about a published
// verdict, gets while others are being answered: each reads the whole event log up
// to there and holds an index of its own.
var ErrBusy = errors.New("another question about an earlier position of the event log is being answered: ask again")

// maxFinding is how many published verdicts are looked for at once.
const maxFinding = 4

// replayQueue is how long a question about an earlier position waits for others.
const replayQueue = 20 * time.Second

// errReached ends the reading of the log at a position.
var errReached = errors.New("reached")

// StateAt builds the state as it was at a position, from the records that the log
// still holds. It blocks while it reads them, and takes the memory of a second
// index. The error is a *FieldError when the log does not reach that far.
func (t *Tail) StateAt(ctx context.Context, position uint64) (*correlate.State, error) {
	b, err := t.log.Bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("the event log did not say where it ends: %w", err)
	}
	if position > b.Last {
		return nil, &FieldError{"as_of", fmt.Sprintf("the event log ends at position %d: want at most that, have %d", b.Last, position)}
	}
	state := correlate.NewState(t.limits, t.maxSensors)
	if b.First > 1 {
		state.Index().RaiseFloor(b.FirstTime)
	}
	if b.First > position {
		return state, nil // all up to there is evicted; the floor says so
	}
	next := max(b.First, 1)
	err = t.log.Tail(ctx, next, func(batch []*correlate.Record) error {
		for _, rec := range batch {
			if rec.Position > position {
				return errReached
			}
			if rec.Position > next {
				state.Index().RaiseFloor(rec.Logged)
			}
			if _, err := applyTo(state, rec); err != nil {
				return err
			}
			if next = rec.Position + 1; next > position {
				return errReached
			}
		}
		return nil
	})
	if !errors.Is(err, errReached) {
		return nil, fmt.Errorf("reading the event log up to position %d: %w", position, err)
	}
	state.TakeChanges()
	return state, nil
}

// asOf answers at the position that the question names.
func (s *Service) asOf(ctx context.Context, ask *asked) (v *Verdict, lists listing, err error) {
	err = s.readTold(ctx, ask, func() (err error) {
		s.tail.View(func(state *correlate.State, asOf uint64) {
			if asOf == ask.AsOf {
				v, lists, err = judge(state, asOf, ask, nil)
			}
		})
		return err
	})
	if v != nil || err != nil {
		return v, lists, err
	}
	err = s.replayed(ctx, ask.AsOf, func(state *correlate.State) error {
		return s.readTold(ctx, ask, func() (err error) {
			v, lists, err = judge(state, ask.AsOf, ask, nil)
			return err
		})
	})
	return v, lists, err
}

// replayed calls fn with the state as it was at a position, for one caller at a
// time.
func (s *Service) replayed(ctx context.Context, position uint64, fn func(*correlate.State) error) error {
	release, err := turn(ctx, s.replaying)
	if err != nil {
		return err
	}
	defer release()
	state, err := s.tail.StateAt(ctx, position)
	if err != nil {
		return err
	}
	return fn(state)
}

// turn waits for a place among those who read the log, and returns how to leave it,
// or ErrBusy.
func turn(ctx context.Context, places chan struct{}) (release func(), err error) {
	timer := time.NewTimer(replayQueue)
	defer timer.Stop()
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, ErrBusy
}
