package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nuid"
)

// Log is an open event log. All methods may be called concurrently.
type Log struct {
	opts    Options
	logger  *slog.Logger
	metrics *metrics
	address string    // for messages
	server  *embedded // nil with an external server
	servers string    // the URLs to connect to; the goroutine of connect owns it
	conn    *connection
	opened  atomic.Bool
	fault   atomic.Pointer[fault]
	// retrying counts the calls and lanes that have something to send again.
	retrying atomic.Int64
	tries    ids

	mu       sync.Mutex
	draining bool           // no more calls
	calls    sync.WaitGroup // that write and wait

	closing   chan struct{} // closed when Close begins to end what is under way
	closeOnce sync.Once
	closeErr  error
	ctx       context.Context // ends with closing
	cancel    context.CancelFunc
	running   sync.WaitGroup // lanes and connect
}

// Open starts the embedded server or connects to the URL, and creates or updates
// the streams. A server that is not there yet is waited for until ctx ends. A
// data directory in use gives ErrLocked, a stream that does not fit
// ErrStreamMismatch. The caller must Close the Log; ctx is for opening it alone.
func Open(ctx context.Context, opts Options) (*Log, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	l := &Log{
		opts:    opts,
		logger:  opts.Logger,
		address: opts.address(),
		servers: opts.URL,
		conn:    newConnection(),
		tries:   ids{nuid: nuid.New()},
		closing: make(chan struct{}),
	}
	var err error
	if l.metrics, err = newMetrics(opts.Registerer); err != nil {
		return nil, fmt.Errorf("event log: registering metrics: %w", err)
	}
	if opts.URL == "" {
		if l.server, err = newEmbedded(&l.opts); err != nil {
			l.metrics.unregister()
			return nil, err
		}
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.running.Go(func() { l.connect(l.ctx) })
	if _, err := l.session(ctx); err != nil {
		// What is being closed here has nothing in it that could be lost.
		closeErr := l.Close(context.WithoutCancel(ctx))
		return nil, errors.Join(err, closeErr)
	}
	l.opened.Store(true)
	return l, nil
}

// Close ends all that is under way, closes the connection, stops the embedded
// server and gives the data directory free. What is in flight has until ctx ends
// to be acknowledged, and all the rest is bounded by ctx too. Calls that are
// blocked return ErrClosed. Calling it again returns the same.
func (l *Log) Close(ctx context.Context) error {
	l.closeOnce.Do(func() { l.closeErr = l.close(ctx) })
	return l.closeErr
}

func (l *Log) close(ctx context.Context) error {
	l.drain(ctx)
	close(l.closing)
	l.cancel()
	err := within(ctx, l.running.Wait)
	if err != nil {
		err = fmt.Errorf("event log: the connection did not end in time: %w", err)
	}
	if l.server != nil {
		err = errors.Join(err, l.server.close(ctx))
	}
	l.metrics.unregister()
	return err
}

// enter begins a call that writes and waits, unless the log is being closed. The
// caller then calls l.calls.Done.
func (l *Log) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return ErrClosed
	}
	l.calls.Add(1)
	return nil
}

// drain lets the calls that are under way come to their end. It takes no more
// than half of the time that there is, since the rest is needed too.
func (l *Log) drain(ctx context.Context) {
	l.mu.Lock()
	l.draining = true
	l.mu.Unlock()
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	_ = within(ctx, l.calls.Wait) // those that are left get ErrClosed
}

// within runs f and waits for it until ctx ends, which is the error then.
func within(ctx context.Context, f func()) error {
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ids makes message ids for what has none.
type ids struct {
	mu   sync.Mutex
	nuid *nuid.NUID
}

// Next returns an id that nobody else has.
func (i *ids) Next() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.nuid.Next()
}
