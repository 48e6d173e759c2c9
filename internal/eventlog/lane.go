package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/falcogate/falcogate/correlate"
)

// Lane appends records in order without waiting for each acknowledgement. One
// goroutine uses a lane at a time. It has the methods that consumer.Lane asks
// for.
//
// Up to 512 records (2000 with SyncAlways) or 8 MB are in flight. When one of
// them fails, nothing more is sent until it is known what came of the others; then
// those that failed are sent again, in order and with the same ids. What is lost with a connection is
// always the end of what was sent on it, so the order holds. Within a cluster a
// change of leader can lose something from the middle: then the positions do not
// grow, which is counted and logged.
type Lane struct {
	log    *Log
	cancel context.CancelFunc
	ended  chan struct{} // run has returned
	work   chan struct{} // wakes run
	moved  chan struct{} // wakes the caller

	mu      sync.Mutex
	entries []*entry // not acknowledged, or behind one that is not; oldest first
	bytes   int      // their size
	next    int      // entries[next:] are to be sent
	flying  int      // how many are sent and not settled
	failed  bool     // one has failed: send nothing
	again   bool     // something failed, and nothing was acknowledged since
	session *session // what flies is on this one
	err     error    // why the lane is broken

	highest uint64 // position
	base    uint64 // what highest was at the last failure
}

// NewLane opens an ordered, pipelined way into the log. Close it.
func (l *Log) NewLane() *Lane {
	ctx, cancel := context.WithCancel(l.ctx)
	n := &Lane{
		log:    l,
		cancel: cancel,
		ended:  make(chan struct{}),
		work:   make(chan struct{}, 1),
		moved:  make(chan struct{}, 1),
	}
	l.running.Go(func() {
		defer close(n.ended)
		n.run(ctx)
		_ = n.breakWith(ErrClosed)
		n.mu.Lock()
		n.retried(false)
		n.mu.Unlock()
	})
	return n
}

// Append queues records behind those before them and returns; it blocks while
// the lane's window is full. Order holds across publish errors. A record that the
// log refuses for good, such as one that is too large, leaves a malformed record
// in its place. The error is ctx's, ErrClosed, or tells that the lane is broken
// for good because not even that was taken (ErrTooLarge, ErrRefused), and then
// every later call returns it too. The records up to the one that an error came
// with are queued.
func (n *Lane) Append(ctx context.Context, records ...*correlate.Record) error {
	for _, r := range records {
		e, err := n.log.newEntry(r)
		if err != nil {
			n.log.metrics.refused.Inc()
			return n.breakWith(fmt.Errorf("event log: %w", err))
		}
		e.owner = n
		size := e.size()
		if err := n.wait(ctx, func() bool {
			if len(n.entries) > 0 && (len(n.entries) >= n.log.window() || n.bytes+size > windowBytes) {
				return false
			}
			n.entries = append(n.entries, e)
			n.bytes += size
			return true
		}); err != nil {
			return err
		}
		signal(n.work)
	}
	return nil
}

// Flush returns once all that was appended is acknowledged, or with ctx's error
// or the one that broke the lane.
func (n *Lane) Flush(ctx context.Context) error {
	return n.wait(ctx, func() bool { return len(n.entries) == 0 })
}

// Close ends the lane. What was not flushed may be lost.
func (n *Lane) Close() {
	n.cancel()
	<-n.ended
}

// wait blocks until ready, which is called with the lane locked, returns true.
func (n *Lane) wait(ctx context.Context, ready func() bool) error {
	for {
		n.mu.Lock()
		err := n.err
		ok := err == nil && ready()
		n.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-n.moved:
		case <-ctx.Done():
			return fmt.Errorf("event log at %s: not acknowledged: %w", n.log.where(), context.Cause(ctx))
		}
	}
}

// breakWith keeps the first reason why the lane is broken and returns it.
func (n *Lane) breakWith(err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		n.err = err
	}
	signal(n.moved)
	return n.err
}

// settled takes what came of an entry.
func (n *Lane) settled(e *entry, o outcome) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e.outcome = o
	n.flying--
	if o.err != nil {
		e.state = failed
		n.failed = true
	} else {
		e.state = stored
		n.retried(false)
		n.log.stored(e)
		n.advance()
	}
	if n.failed && n.flying == 0 {
		signal(n.work)
	}
}

// retried notes whether the lane is one of those that have something to send
// again. The lane is locked.
func (n *Lane) retried(again bool) {
	switch {
	case again && !n.again:
		n.log.retrying.Add(1)
	case !again && n.again:
		n.log.retrying.Add(-1)
	}
	n.again = again
}

// advance takes what is acknowledged off the front.
func (n *Lane) advance() {
	for len(n.entries) > 0 && n.entries[0].state == stored {
		e := n.entries[0]
		n.entries[0] = nil
		n.entries = n.entries[1:]
		n.next--
		n.bytes -= e.size()
		n.checkOrder(e)
		signal(n.moved)
	}
}

// checkOrder sees to it that positions grow. A duplicate has the position at
// which it was first stored, which is only the lane's doing when it was sent more
// than once and lies behind what was there at the failure.
func (n *Lane) checkOrder(e *entry) {
	switch {
	case e.duplicate && (e.tries == 1 || e.position <= n.base):
	case e.position > n.highest:
		n.highest = e.position
	default:
		n.log.metrics.reordered.Inc()
		n.log.logger.Warn("event log: a record was stored behind one that came after it",
			slog.String("subject", e.subject), slog.Uint64("position", e.position), slog.Uint64("behind", n.highest))
	}
}

// signal wakes who waits on c, or who will.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
