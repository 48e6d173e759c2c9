package eventlog

import (
	"context"

	"github.com/cenkalti/backoff/v5"
)

// run sends what is queued, and what failed once more, until ctx ends.
func (n *Lane) run(ctx context.Context) {
	retry := retryBackoff(retryLimit)
	for {
		select {
		case <-n.work:
		case <-ctx.Done():
			return
		}
		for n.step(ctx, retry) {
		}
	}
}

// step does one thing and reports whether there may be more to do.
func (n *Lane) step(ctx context.Context, retry *backoff.ExponentialBackOff) bool {
	n.mu.Lock()
	switch {
	case n.err != nil || ctx.Err() != nil:
		n.mu.Unlock()
		return false
	case n.failed && n.flying > 0:
		n.mu.Unlock()
		return false // the last one that settles wakes us
	case n.failed:
		n.mu.Unlock()
		return n.recover(ctx, retry)
	case n.next == len(n.entries):
		n.mu.Unlock()
		return false
	case n.session == nil:
		n.mu.Unlock()
		s, err := n.log.session(ctx)
		if err != nil {
			return false // the lane or the log is being closed
		}
		n.mu.Lock()
		n.session = s
		n.mu.Unlock()
		return true
	}
	e, s := n.entries[n.next], n.session
	n.next++
	send := e.state != stored
	if send {
		e.state = flying
		n.flying++
	}
	n.mu.Unlock()
	if send {
		s.send(e)
	}
	return true
}

// recover goes back to the first entry that failed, once nothing flies any more.
// What was stored behind it stays at its place and is not sent again.
func (n *Lane) recover(ctx context.Context, retry *backoff.ExponentialBackOff) bool {
	n.mu.Lock()
	var first *entry
	count := 0
	for _, e := range n.entries {
		if e.state != failed {
			continue
		}
		if first == nil {
			first = e
		}
		if err := permanent(e, e.err); err != nil {
			n.mu.Unlock()
			n.log.metrics.refused.Inc()
			_ = n.breakWith(err)
			return false
		}
		count++
	}
	if n.highest > n.base {
		retry.Reset()
	}
	n.failed, n.next, n.session, n.base = false, 0, nil, n.highest
	err := first.err
	n.retried(true)
	n.mu.Unlock()
	n.log.failing(err, count)
	pause(ctx, retry.NextBackOff())
	return true
}
