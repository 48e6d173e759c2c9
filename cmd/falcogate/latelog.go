package main

import (
	"context"
	"errors"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
)

// errLogAway is what can't wait says while the event log is not reached yet.
var errLogAway = errors.New("the event log has not been reached yet; see --nats-url")

// lateLog is the event log before it is there. NATS may come up later than we
// do; until then a sender must find the listener open and be held, because what
// Falco can't deliver it drops.
type lateLog struct {
	opened chan struct{} // closed once log is set
	log    *eventlog.Log
}

func newLateLog() *lateLog { return &lateLog{opened: make(chan struct{})} }

// set makes the log available. Call it once.
func (l *lateLog) set(log *eventlog.Log) {
	l.log = log
	close(l.opened)
}

// wait returns the log once it is there, or ctx's error.
func (l *lateLog) wait(ctx context.Context) (*eventlog.Log, error) {
	select {
	case <-l.opened:
		return l.log, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// health is nil when the log takes records.
func (l *lateLog) health() error {
	select {
	case <-l.opened:
		return l.log.Health()
	default:
		return errLogAway
	}
}

func (l *lateLog) Append(ctx context.Context, records ...*correlate.Record) error {
	log, err := l.wait(ctx)
	if err != nil {
		return err
	}
	return log.Append(ctx, records...)
}

func (l *lateLog) Tail(ctx context.Context, from uint64, fn func([]*correlate.Record) error) error {
	log, err := l.wait(ctx)
	if err != nil {
		return err
	}
	return log.Tail(ctx, from, fn)
}

// Bounds does not wait: its callers bound how long they are willing to.
func (l *lateLog) Bounds(ctx context.Context) (correlate.Bounds, error) {
	if err := l.health(); errors.Is(err, errLogAway) {
		return correlate.Bounds{}, err
	}
	return l.log.Bounds(ctx)
}

func (l *lateLog) ReadMany(ctx context.Context, positions []uint64) ([]*correlate.Record, error) {
	log, err := l.wait(ctx)
	if err != nil {
		return nil, err
	}
	return log.ReadMany(ctx, positions)
}

func (l *lateLog) PublishVerdict(ctx context.Context, subject, id string, header map[string]string, data []byte) (uint64, bool, error) {
	log, err := l.wait(ctx)
	if err != nil {
		return 0, false, err
	}
	return log.PublishVerdict(ctx, subject, id, header, data)
}

func (l *lateLog) FindVerdict(ctx context.Context, id string) (map[string]string, []byte, bool, error) {
	log, err := l.wait(ctx)
	if err != nil {
		return nil, nil, false, err
	}
	return log.FindVerdict(ctx, id)
}

// NewLane opens a lane that waits for the log with its first record.
func (l *lateLog) NewLane() consumer.Lane { return &lateLane{late: l} }

type lateLane struct {
	late *lateLog
	lane *eventlog.Lane // nil until the first Append
}

func (n *lateLane) Append(ctx context.Context, records ...*correlate.Record) error {
	if n.lane == nil {
		log, err := n.late.wait(ctx)
		if err != nil {
			return err
		}
		n.lane = log.NewLane()
	}
	return n.lane.Append(ctx, records...)
}

func (n *lateLane) Flush(ctx context.Context) error {
	if n.lane == nil {
		return nil
	}
	return n.lane.Flush(ctx)
}

func (n *lateLane) Close() {
	if n.lane != nil {
		n.lane.Close()
	}
}
