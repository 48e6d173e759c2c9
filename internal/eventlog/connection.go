package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
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

// status is what is known of the connection at one time.
type status struct {
	session *session // nil when there is none
	err     error    // then, why
	fatal   bool     // and whether that will not go away
	changed <-chan struct{}
}

func (c *connection) get() status {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && !c.current.alive() {
		return status{err: errSessionEnded, changed: c.changed}
	}
	return status{session: c.current, err: c.err, fatal: c.fatal, changed: c.changed}
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
		now := l.conn.get()
		switch {
		case now.session != nil:
			return now.session, nil
		case now.fatal:
			return nil, now.err
		}
		select {
		case <-now.changed:
		case <-l.closing:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, fmt.Errorf("event log at %s: %w: %w", l.where(), context.Cause(ctx), now.err)
		}
	}
}

const (
	// reconnectLimit caps the pause between two tries to connect.
	reconnectLimit = 5 * time.Second
	// steady is how long a session must have stood to be followed by the next one
	// soon. What comes and goes is tried less and less often.
	steady = time.Second
)

// connect keeps a session up until ctx ends. It logs when the state changes, not
// at every try.
func (l *Log) connect(ctx context.Context) {
	wait := retryBackoff(reconnectLimit)
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
		up = true
		l.metrics.connected.Set(1)
		l.conn.set(s, nil, false)
		began := time.Now()
		select {
		case <-s.done:
		case <-ctx.Done():
		}
		l.conn.set(nil, errSessionEnded, false)
		l.metrics.connected.Set(0)
		l.remember(s)
		s.end()
		if ctx.Err() != nil {
			return
		}
		l.conn.set(nil, fmt.Errorf("%w: %w", errSessionEnded, s.why()), false)
		if time.Since(began) > steady && !s.broken.Load() {
			wait.Reset()
		}
		said = s.why().Error()
		l.logger.Warn("event log: connection lost, trying again", slog.String("server", l.where()), slog.String("error", said))
		if s.broken.Load() {
			l.server.down() // dial starts it again
		}
		pause(ctx, wait.NextBackOff())
	}
}

// remember keeps the servers of a cluster that a session was told of, to try
// them too.
func (l *Log) remember(s *session) {
	if l.server == nil {
		l.servers = strings.Join(append([]string{l.opts.URL}, withUser(l.opts.URL, s.nc.DiscoveredServers())...), ",")
	}
}

// withUser gives discovered servers the user of the first server that was named:
// a cluster tells its members' addresses alone, and one without a user would be
// refused.
func withUser(named string, discovered []string) []string {
	first, _, _ := strings.Cut(named, ",")
	from, err := url.Parse(strings.TrimSpace(first))
	if err != nil || from.User == nil {
		return discovered
	}
	list := make([]string, len(discovered))
	for i, server := range discovered {
		list[i] = server
		if u, err := url.Parse(server); err == nil && u.User == nil {
			u.User = from.User
			list[i] = u.String()
		}
	}
	return list
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
