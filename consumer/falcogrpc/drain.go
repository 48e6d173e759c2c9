package falcogrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// ending says what the end of the stream means.
func (s *stream) ending(ctx context.Context, timedOut bool, err error) error {
	switch {
	case ctx.Err() == nil && errors.Is(err, io.EOF):
		return errors.New("the stream ended, as when Falco stops or reloads")
	case ctx.Err() == nil:
		return err
	case s.lane.unstored:
		s.left = true
		return fmt.Errorf("a message was received and not stored: %w", err)
	case timedOut && s.draining > 0:
		s.left = true
		return fmt.Errorf("the time to stop was over while Falco was still sending: %d messages came in it, those in flight behind them are lost", s.draining)
	case timedOut:
		// Falco need not end a stream, and nothing came: nothing was in flight.
		s.reader.logger.LogAttrs(ctx, slog.LevelDebug, "Falco did not end the stream in time")
	}
	return nil
}

// drainClock cancels the stream when ctx has ended and it has not, in time: held
// has ended as well and DrainTimeout is over, or nothing has come for so long. A
// message that waits for the log is not nothing.
func (s *stream) drainClock(ctx, held, streamCtx context.Context, cancel context.CancelCauseFunc) {
	select {
	case <-ctx.Done():
	case <-streamCtx.Done():
		return
	}
	timeout := s.reader.o.DrainTimeout
	over, release := endsAfter(held, timeout)
	defer release()
	silence := time.NewTicker(timeout)
	defer silence.Stop()
	for seen := s.steps.Load(); ; {
		select {
		case <-over.Done():
			cancel(errDrainTimeout)
			return
		case <-streamCtx.Done():
			return
		case <-silence.C:
			steps := s.steps.Load()
			if steps == seen && steps%2 == 0 {
				cancel(errDrainSilence)
				return
			}
			seen = steps
		}
	}
}

var (
	errDrainTimeout = errors.New("the time to stop is over")
	errDrainSilence = errors.New("nothing came any more, and the stream did not end")
)

// endsAfter is a context that ends so long after another has, whether that ends
// later or has ended. Release it.
func endsAfter(held context.Context, timeout time.Duration) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(held))
	stop := context.AfterFunc(held, func() { time.AfterFunc(timeout, func() { cancel(errDrainTimeout) }) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
