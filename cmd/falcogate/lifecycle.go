package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// lifecycle is the list of teardowns, each registered beside its construction.
// They run last in, first out, each within a bound of its own, so that one that
// hangs can't keep the others from running.
type lifecycle struct {
	log   *slog.Logger
	steps []teardown
}

type teardown struct {
	name  string
	bound time.Duration
	stop  func(context.Context) error
}

// onStop registers how to stop what was just started.
func (l *lifecycle) onStop(name string, bound time.Duration, stop func(context.Context) error) {
	l.steps = append(l.steps, teardown{name, bound, stop})
}

// stop runs the teardowns and returns what went wrong. A step that does not
// return within its bound is left behind: the process is about to end.
func (l *lifecycle) stop() error {
	var errs []error
	for len(l.steps) > 0 {
		step := l.steps[len(l.steps)-1]
		l.steps = l.steps[:len(l.steps)-1]
		begin := time.Now()
		if err := step.run(); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", step.name, err))
		}
		l.log.Debug("stopped", "part", step.name, "took", time.Since(begin).Round(time.Millisecond))
	}
	return errors.Join(errs...)
}

func (t teardown) run() error {
	ctx, cancel := context.WithTimeout(context.Background(), t.bound)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- t.stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-time.After(t.bound + time.Second):
		return fmt.Errorf("still not done after %s", t.bound+time.Second)
	}
}
