package verifier

import (
	"context"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// Evaluate answers a question: at the end that the event log has when it is
// asked, or inconclusively when that can't be reached within the catch-up time;
// or at the position that the question names, which takes as long as reading the
// log up to there. With Question.Wait it blocks for as long as the verdict is
// pending, at most that long, and returns early on a fail.
//
// The error is a *FieldError when the question is wrong, ErrBusy when it asks
// about an earlier position and others do so too, and means a defect otherwise.
// It is nil for every verdict.
func (s *Service) Evaluate(ctx context.Context, q Question) (*Verdict, error) {
	began := time.Now()
	ask, err := s.ask(&q)
	if err != nil {
		return nil, err
	}
	var v *Verdict
	var lists listing
	if ask.AsOf > 0 {
		v, lists, err = s.asOf(ctx, ask)
	} else {
		v, lists, err = s.atEnd(ctx, ask)
	}
	if err != nil {
		return nil, err
	}
	s.list(ctx, v, lists)
	v.EvaluatedAt = s.now().UTC().Round(0)
	s.meters.verdicts.WithLabelValues(v.Verdict.String(), string(v.Coverage.Evidence)).Inc()
	s.meters.duration.Observe(time.Since(began).Seconds())
	return v, nil
}

// ask checks a question. What it returns is on the heap: many may wait with it,
// and their stacks stay small.
func (s *Service) ask(q *Question) (*asked, error) {
	ask, err := q.ask(s.now(), s.policy, s.sensors, s.places)
	return &ask, err
}

// atEnd answers at the log's end, and waits while that is pending.
func (s *Service) atEnd(ctx context.Context, ask *asked) (*Verdict, listing, error) {
	waiting, cancel := context.WithTimeout(ctx, ask.Wait)
	defer cancel()
	behind := s.reachEnd(ctx, max(s.catchUp, ask.Wait))
	for {
		// What the index lacks now was waited for already.
		var v *Verdict
		var lists listing
		var w *waiter
		var woken chan struct{}
		err := s.readTold(ctx, ask, func() (err error) {
			v, lists, w, woken, err = s.look(ask, behind, behind == nil && waiting.Err() == nil)
			return err
		})
		if err != nil {
			return nil, lists, fmt.Errorf("asking the index: %w", err)
		}
		if w == nil {
			return v, lists, nil
		}
		s.meters.waiting.Inc()
		// Not a select: with one channel the stack of whoever waits stays at 4 kB.
		stop := context.AfterFunc(waiting, func() { s.tail.leave(w) })
		<-woken
		stop()
		s.meters.waiting.Dec()
	}
}

// look answers from the state as it is. When the answer is pending and hold is
// set, it takes a place among those who wait before the state can change.
func (s *Service) look(ask *asked, behind error, hold bool) (v *Verdict, lists listing, w *waiter, woken chan struct{}, err error) {
	s.tail.View(func(state *correlate.State, asOf uint64) {
		v, lists, err = judge(state, asOf, ask, behind)
		if err == nil && v.Pending && hold {
			woken = make(chan struct{})
			w = s.tail.enter(ask, true, func() { close(woken) })
		}
	})
	return v, lists, w, woken, err
}
