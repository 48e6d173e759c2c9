package eventlog

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// windowEntries and windowBytes bound what one caller has in flight.
const (
	windowEntries = 512
	windowBytes   = 8 << 20
)

// window is windowEntries, or where batches gather, enough to fill one while the
// one before it is under way.
func (l *Log) window() int {
	if l.batched() {
		return 2 * batchEntries
	}
	return windowEntries
}

// retryLimit caps the pause between two tries of a write or a read.
const retryLimit = 2 * time.Second

// Append stores the records and returns once all are acknowledged, in order unless
// some take more than one try: where order matters, append one at a time or use a
// lane. It tries again for as long as it takes. The error is ctx's, ErrClosed, or wraps
// ErrTooLarge or ErrRefused when the log refused a record for good; other
// records of the call may be stored then. A record whose ID was stored within the
// last two minutes counts as stored; a record with a zero ID is always stored,
// once for each call.
func (l *Log) Append(ctx context.Context, records ...*correlate.Record) error {
	if err := l.enter(); err != nil {
		return err
	}
	defer l.calls.Done()
	entries := make([]*entry, len(records))
	for i, r := range records {
		e, err := l.newEntry(r)
		if err != nil {
			l.metrics.refused.Inc()
			return fmt.Errorf("event log: %w", err)
		}
		entries[i] = e
	}
	for len(entries) > 0 {
		n, size := 0, 0
		for n < len(entries) && n < l.window() && (n == 0 || size+entries[n].size() <= windowBytes) {
			size += entries[n].size()
			n++
		}
		if err := l.store(ctx, entries[:n], (*session).send); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// call waits for a number of entries.
type call struct {
	left atomic.Int64
	done chan struct{}
}

// settled keeps what came of an entry.
func (c *call) settled(e *entry, o outcome) {
	e.outcome = o
	if c.left.Add(-1) == 0 {
		close(c.done)
	}
}

// store sends entries until all are acknowledged.
func (l *Log) store(ctx context.Context, entries []*entry, send func(*session, *entry)) error {
	wait := retryBackoff(retryLimit)
	retrying := false
	defer func() {
		if retrying {
			l.retrying.Add(-1)
		}
	}()
	for todo := entries; ; {
		if ctx.Err() != nil {
			// Nothing is sent that the caller does not wait for any more.
			return fmt.Errorf("event log at %s: not acknowledged: %w", l.where(), context.Cause(ctx))
		}
		s, err := l.session(ctx)
		if err != nil {
			return err
		}
		c := &call{done: make(chan struct{})}
		c.left.Store(int64(len(todo)))
		for _, e := range todo {
			e.owner = c
			send(s, e)
		}
		select {
		case <-c.done:
		case <-l.closing:
			return fmt.Errorf("%w before all was acknowledged", ErrClosed)
		case <-ctx.Done():
			return fmt.Errorf("event log at %s: not acknowledged: %w", l.where(), context.Cause(ctx))
		}
		var failed []*entry
		for _, e := range todo {
			if e.err == nil {
				l.stored(e)
				continue
			}
			failed = append(failed, e)
		}
		if len(failed) == 0 {
			return nil
		}
		for _, e := range failed {
			if err := permanent(e, e.err); err != nil {
				l.metrics.refused.Inc()
				return fmt.Errorf("event log: %w", err)
			}
		}
		todo = failed
		if !retrying {
			retrying = true
			l.retrying.Add(1)
		}
		l.failing(todo[0].err, len(todo))
		pause(ctx, wait.NextBackOff())
	}
}

// stored counts an acknowledged entry.
func (l *Log) stored(e *entry) {
	l.working()
	if e.duplicate {
		l.metrics.duplicates.Inc()
	}
	if e.kind != "" {
		l.metrics.appended[e.kind].Inc()
	}
	l.metrics.latency.Observe(time.Since(e.sent).Seconds())
}
