package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection"
)

// errNotStopped is what a term ends with whose run did not return in time.
var errNotStopped = errors.New("kubernetes: the Lease is over, and what it covers did not stop in time")

// Hold runs run while this process holds a Lease, again and again until ctx ends.
// Of all processes that hold by one Lease, at most one is inside run.
//
// The context of run ends when ctx does or when the Lease is lost. run must then
// return within LeaseOptions.StopTime. The Lease is given up only after that, so
// that a successor takes over at once and finds nobody. A run that does not return
// before the Lease runs out ends the process, which is better than two of them at
// work.
//
// Hold returns nil or run's error after ctx has ended; an error of run that comes
// of losing the Lease is logged. It returns earlier when the options are wrong, or
// when run returns though its context has not ended, with run's error.
func (c *Client) Hold(ctx context.Context, o LeaseOptions, run func(context.Context) error) error {
	if err := o.complete(); err != nil {
		return fmt.Errorf("kubernetes: Lease: %w", err)
	}
	h := &holder{
		o: o, run: run, metrics: newLeaseMetrics(o.Registerer, o.String()),
		logger: o.Logger.With(slog.String("lease", o.String()), slog.String("identity", o.Identity)),
	}
	for ctx.Err() == nil {
		again, err := h.term(ctx, h.newLock(c))
		if !again {
			return err
		}
		if err != nil {
			h.logger.LogAttrs(ctx, slog.LevelError, "stopping what the Lease covers went wrong", slog.Any("reason", err))
		}
	}
	return nil
}

// holder holds by one Lease, term after term.
type holder struct {
	o       LeaseOptions
	run     func(context.Context) error
	logger  *slog.Logger
	metrics leaseMetrics
}

// end is why a term ends.
type end int

const (
	asked    end = iota // ctx ended
	lost                // the Lease was not renewed in time, or is another's
	returned            // run came back by itself
)

// term waits for the Lease, runs run, and gives the Lease up. It reports whether
// there may be another term, and run's error.
func (h *holder) term(ctx context.Context, lock *leaseLock) (again bool, err error) {
	// The election outlives ctx: the Lease is renewed until run has returned.
	election, giveUp := context.WithCancel(withLogger(context.WithoutCancel(ctx), h.logger))
	leading := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: h.o.String(), ReleaseOnCancel: true,
		LeaseDuration: h.o.Duration, RenewDeadline: h.o.RenewDeadline, RetryPeriod: h.o.RetryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(leading) },
			OnStoppedLeading: func() {},
			OnNewLeader:      h.noteHolder,
		},
	})
	if err != nil {
		giveUp()
		return false, fmt.Errorf("kubernetes: Lease: %w", err)
	}
	var electing sync.WaitGroup
	over := make(chan struct{})
	electing.Go(func() {
		defer close(over)
		elector.Run(election)
	})
	defer electing.Wait()
	defer giveUp()

	select {
	case <-leading:
	case <-ctx.Done():
		return false, nil
	}
	h.metrics.held.Set(1)
	defer h.metrics.held.Set(0)
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	lock.occupy(done)
	var ended error // read after done
	go func() {
		defer close(done)
		ended = h.run(running)
	}()
	why := h.await(ctx, lock, over, done)
	if why == lost {
		h.metrics.lost.Inc()
		h.logger.LogAttrs(ctx, slog.LevelWarn, "the Lease is lost; stopping what it covers")
	}
	stop()
	if !h.stopped(lock, done) {
		h.logger.LogAttrs(ctx, slog.LevelError, "the Lease runs out and what it covers has not stopped; ending the process",
			slog.Duration("since_renewal", lock.age()))
		h.o.Exit(exitNotStopped)
		return false, errNotStopped
	}
	return why == lost, ended
}

// await blocks until the term is to end.
func (h *holder) await(ctx context.Context, lock *leaseLock, over, done <-chan struct{}) end {
	for {
		left := h.o.RenewDeadline - lock.age()
		if left <= 0 {
			return lost
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C: // look again: it may have been renewed
		case <-done:
			timer.Stop()
			return returned
		case <-ctx.Done():
			timer.Stop()
			return asked
		case <-over:
			timer.Stop()
			return lost
		case <-lock.taken:
			timer.Stop()
			return lost
		}
	}
}

// stopped waits for run to return, as long as the Lease lasts, and reports
// whether it has. The election may renew the Lease meanwhile.
func (h *holder) stopped(lock *leaseLock, done <-chan struct{}) bool {
	for {
		left := h.o.Duration - h.o.Margin - lock.age()
		timer := time.NewTimer(max(left, 0))
		select {
		case <-done:
			timer.Stop()
			return true
		case <-timer.C:
			if lock.age() < h.o.Duration-h.o.Margin {
				continue
			}
		}
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// noteHolder is told who holds the Lease when that changes.
func (h *holder) noteHolder(identity string) {
	h.logger.LogAttrs(context.Background(), slog.LevelInfo, "the Lease has a holder", slog.String("holder", identity),
		slog.Bool("ours", identity == h.o.Identity))
}
