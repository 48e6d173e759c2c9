package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// connection holds the current session. One goroutine (Log.connect) replaces it,
// all others wait for it.
type connection struct {
	mu      sync.Mutex
	current *session
	changed chan struct{} // closed when current or err changes
	err     error         // why there is no session
	since   time.Time     // since when there is none
	fatal   bool          // err will not go away
}

func newConnection() *connection {
	return &connection{changed: make(chan struct{}), since: time.Now(), err: errors.New("not connected yet")}
}

func (c *connection) set(s *session, err error, fatal bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == nil && c.current != nil {
		c.since = time.Now()
	}
	c.current, c.err, c.fatal = s, err, fatal
	close(c.changed)
	c.changed = make(chan struct{})
}

// get returns the session if there is one.
func (c *connection) get() (s *session, err error, changed <-chan struct{}, fatal bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && !c.current.alive() {
		return nil, errSessionEnded, c.changed, false
	}
	return c.current, c.err, c.changed, c.fatal
}

// downSince is when there was a session last.
func (c *connection) downSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since
}

var errSessionEnded = errors.New("the connection has ended")

// session waits until there is a session. The error is ctx's, with the reason
// why there is none, or ErrClosed, or one that will not go away.
func (l *Log) session(ctx context.Context) (*session, error) {
	for {
		s, err, changed, fatal := l.conn.get()
		switch {
		case s != nil:
			return s, nil
		case fatal:
			return nil, err
		}
		select {
		case <-changed:
		case <-l.closing:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, fmt.Errorf("event log at %s: %w: %w", l.where(), context.Cause(ctx), err)
		}
	}
}

// connect keeps a session up until ctx ends. It logs when the state changes, not
// at every try.
func (l *Log) connect(ctx context.Context) {
	wait := retryBackoff(5 * time.Second)
	up, said := false, ""
	for ctx.Err() == nil {
		s, err := l.dial(ctx)
		if err != nil {
			fatal := !l.opened.Load() && errors.Is(err, ErrStreamMismatch)
			l.conn.set(nil, err, fatal)
			if fatal || ctx.Err() != nil {
				return
			}
			if text := err.Error(); text != said {
				said = text
				l.logger.Warn("event log: not connected, trying again", slog.String("server", l.where()), slog.String("error", text))
			}
			pause(ctx, wait.NextBackOff())
			continue
		}
		if said != "" || up {
			l.logger.Info("event log: connected", slog.String("server", l.where()))
		}
		up, said = true, ""
		l.metrics.connected.Set(1)
		l.conn.set(s, nil, false)
		wait.Reset()
		select {
		case <-s.done:
		case <-ctx.Done():
		}
		l.conn.set(nil, errSessionEnded, false)
		l.metrics.connected.Set(0)
		l.remember(s)
		s.end()
		if ctx.Err() == nil {
			said = s.reason.Error()
			l.logger.Warn("event log: connection lost, trying again", slog.String("server", l.where()), slog.String("error", said))
			pause(ctx, wait.NextBackOff())
		}
	}
}

// remember keeps the servers of a cluster that a session was told of, to try
// them too.
func (l *Log) remember(s *session) {
	if l.server == nil {
		l.servers = strings.Join(append([]string{l.opts.URL}, s.nc.DiscoveredServers()...), ",")
	}
}

// retryBackoff grows from 50 ms to limit, with jitter so that many of us don't
// come back at once.
func retryBackoff(limit time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = 50*time.Millisecond, 2, limit
	b.Reset()
	return b
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
