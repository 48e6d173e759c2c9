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
// What was stored behind it stays at its place and is not sent again. A record
// that the log refuses for good leaves a malformed one in its place: those behind
// it were taken from their sender and must not be lost with it.
func (n *Lane) recover(ctx context.Context, retry *backoff.ExponentialBackOff) bool {
	n.mu.Lock()
	var first *entry
	count := 0
	for i, e := range n.entries {
		if e.state != failed {
			continue
		}
		if first == nil {
			first = e
		}
		if cause := permanent(e, e.err); cause != nil {
			n.log.metrics.refused.Inc()
			instead, err := n.log.substitute(e, cause)
			if err != nil {
				n.mu.Unlock()
				_ = n.breakWith(err)
				return false
			}
			instead.owner = n
			n.bytes += instead.size() - e.size()
			n.entries[i] = instead
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
