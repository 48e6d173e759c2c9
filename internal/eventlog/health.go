package eventlog

import (
	"fmt"
	"log/slog"
	"time"
)

// fault is why appends fail at present.
type fault struct {
	since time.Time
	err   error
}

// failing notes that entries have to be sent again. It logs the beginning of an
// outage only.
func (l *Log) failing(err error, entries int) {
	l.metrics.retries.Add(float64(entries))
	if l.fault.CompareAndSwap(nil, &fault{since: time.Now(), err: err}) {
		l.logger.Warn("event log: appends fail, trying again", slog.String("server", l.where()), slog.String("error", err.Error()))
	}
}

// working notes that an entry was acknowledged.
func (l *Log) working() {
	f := l.fault.Load()
	if f == nil || !l.fault.CompareAndSwap(f, nil) {
		return
	}
	l.logger.Info("event log: appends are acknowledged again", slog.Duration("outage", time.Since(f.since)))
}

// Connected reports whether the connection to the server stands.
func (l *Log) Connected() bool {
	return l.conn.get().session != nil
}

// Health is nil when the log takes records, as far as is known, else what is
// wrong: no connection, or appends that are being sent again, and since when.
func (l *Log) Health() error {
	select {
	case <-l.closing:
		return ErrClosed
	default:
	}
	if now := l.conn.get(); now.session == nil {
		return fmt.Errorf("event log at %s: not connected since %s: %w", l.where(), l.conn.downSince().UTC().Format(time.RFC3339), now.err)
	}
	// With nobody trying, nobody could find out that it works again.
	if f := l.fault.Load(); f != nil && l.retrying.Load() > 0 {
		return fmt.Errorf("event log at %s: appends fail since %s: %w", l.where(), f.since.UTC().Format(time.RFC3339), f.err)
	}
	return nil
}

// where names the server without what is secret in its URL.
func (l *Log) where() string { return l.address }

// ListenURL is where outside clients reach the embedded server, such as
// "nats://127.0.0.1:4222", or empty when it does not listen.
func (l *Log) ListenURL() string {
	if l.server == nil {
		return ""
	}
	return l.server.url()
}
