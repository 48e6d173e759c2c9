package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/falcogate/falcogate/correlate"
)

// tailBatch is how many records fn gets at most at a time.
const tailBatch = 4096

// Tail reads the log from position from on (0 and 1 mean the first record that
// is kept) and calls fn with what is there, in the order of the positions,
// without gaps other than evicted records, and without repeats. It outlives
// disconnections and restarts of the server. It blocks until ctx ends, fn returns
// an error, the Log is closed (ErrClosed), a record has an unknown schema version
// (ErrSchemaVersion), or the log has lost records that were read from it
// (ErrRewound).
//
// fn runs on one goroutine, gets one record at least and 4096 at most, and may
// keep the records, but not the slice. All strings of a record are parts of one
// string: who keeps one of them for long should clone it. Position and Logged
// are filled in; Logged does not go backwards, also when the server's clock does.
// A record that can't be decoded comes as a *correlate.Malformed.
func (l *Log) Tail(ctx context.Context, from uint64, fn func([]*correlate.Record) error) error {
	t := &tail{log: l, next: max(from, 1), fn: fn}
	retry := retryBackoff(retryLimit)
	for {
		s, err := l.session(ctx)
		if err != nil {
			return err
		}
		before := t.next
		err = t.follow(ctx, s)
		var last *stopError
		switch {
		case errors.As(err, &last):
			return last.err
		case ctx.Err() != nil:
			return fmt.Errorf("event log at %s: tail: %w", l.where(), context.Cause(ctx))
		}
		l.metrics.tailRestarts.Inc()
		l.logger.Debug("event log: the tail starts again", "next", t.next, "error", err)
		if t.next > before {
			retry.Reset()
		}
		pause(ctx, retry.NextBackOff())
	}
}

// stopError is an error that ends a tail. All others start it again.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

// tail is the state of one Tail across sessions.
type tail struct {
	log  *Log
	fn   func([]*correlate.Record) error
	next uint64 // the least position that was not delivered

	last   uint64    // the position delivered last
	stamp  time.Time // when it was logged, by the server
	logged time.Time // the latest Logged delivered
	short  time.Time // since when the log seems to be shorter than what was read; zero if it does not

	records []*correlate.Record // of the current batch
}

// follow delivers on one session until that ends, or something is amiss.
func (t *tail) follow(ctx context.Context, s *session) error {
	if err := t.checkRewound(ctx, s); err != nil {
		return err
	}
	f, err := newFeed(ctx, s, extract{stream: s.log, name: "tail", from: t.next})
	if err != nil {
		return err
	}
	defer f.stop(ctx)
	for {
		items, err := f.take(ctx)
		if err != nil {
			return err
		}
		for len(items) > 0 {
			n := min(len(items), tailBatch)
			if err := t.deliver(items[:n]); err != nil {
				return err
			}
			items = items[n:]
		}
	}
}

// checkRewound makes sure that the log still has what was read from it: that the
// record delivered last is the one at its position, unless it was evicted, and
// that the log is not shorter than that. A server that lost its last records
// gives their positions to others, which a tail that went on behind them would
// never see.
func (t *tail) checkRewound(ctx context.Context, s *session) error {
	info, err := s.log.Info(ctx)
	if err != nil {
		return err
	}
	if err := t.checkLength(info, time.Now()); err != nil {
		return err
	}
	if t.last == 0 || t.last < info.State.FirstSeq {
		return nil
	}
	m, err := s.log.GetMsg(ctx, t.last)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil // evicted, or not yet at the replica that was asked
	case err != nil:
		return err
	case !m.Time.Equal(t.stamp):
		return &stopError{fmt.Errorf("%w: position %d was logged at %s when it was read, and is at %s now: build anew from what it holds",
			ErrRewound, t.last, t.stamp.UTC().Format(time.RFC3339Nano), m.Time.UTC().Format(time.RFC3339Nano))}
	}
	return nil
}

// rewoundPatience is how long a stream with replicas may seem to be shorter than what was
// read from it. A server that has just become its leader, or that was cut off and does not
// know yet that it is no longer, answers from before; a server takes some ten seconds to
// find out.
const rewoundPatience = 30 * time.Second

// checkLength makes sure that the log is not shorter than what was read from it. The error
// is one to try again after while that may be a server's answer from before.
func (t *tail) checkLength(info *jetstream.StreamInfo, now time.Time) error {
	last := info.State.LastSeq
	if last+1 >= t.next {
		t.short = time.Time{}
		return nil
	}
	err := fmt.Errorf("%w: it ends at position %d, and was read up to %d: build anew from what it holds", ErrRewound, last, t.next-1)
	if info.Cluster == nil || len(info.Cluster.Replicas) == 0 {
		return &stopError{err}
	}
	if t.short.IsZero() {
		t.short = now
	}
	if now.Sub(t.short) >= rewoundPatience {
		return &stopError{err}
	}
	return fmt.Errorf("the event log's leader says that it ends at position %d, and it was read up to %d: asking again", last, t.next-1)
}

// deliver decodes a batch and calls fn.
func (t *tail) deliver(batch []item) error {
	t.records = t.records[:0]
	defer func() { clear(t.records) }()
	for i := range batch {
		it := &batch[i]
		if it.position < t.next {
			return &stopError{fmt.Errorf("%w: position %d came after %d", ErrRewound, it.position, t.next-1)}
		}
		r, err := t.decode(it)
		if err != nil {
			return err
		}
		t.records = append(t.records, r)
		t.next, t.last, t.stamp = it.position+1, it.position, it.logged
	}
	if err := t.fn(t.records); err != nil {
		return &stopError{err}
	}
	return nil
}

// decode makes an item a record. What came before an unknown schema version in
// the same batch is not delivered: nothing may be built on it.
func (t *tail) decode(it *item) (*correlate.Record, error) {
	r, err := DecodeRecord(it.data)
	switch {
	case errors.Is(err, ErrSchemaVersion):
		return nil, &stopError{fmt.Errorf("event log at %s: position %d: %w", t.log.where(), it.position, err)}
	case err != nil:
		r = malformed(it.subject, it.data, err)
	}
	if it.logged.After(t.logged) {
		t.logged = it.logged
	}
	r.Position, r.Logged = it.position, t.logged
	return r, nil
}

// malformed stands for a record that can't be decoded.
func malformed(subject string, data []byte, err error) *correlate.Record {
	return &correlate.Record{
		Body: &correlate.Malformed{
			Hostname: sensorOf(subject),
			Peer:     "event log, " + subject,
			Reason:   err.Error(),
			Size:     len(data),
			Raw:      append([]byte(nil), data[:min(len(data), correlate.MalformedRawBytes)]...),
		},
	}
}
