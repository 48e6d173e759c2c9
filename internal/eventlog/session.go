package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pingInterval   = 10 * time.Second // two without an answer end a connection
	connectTimeout = 5 * time.Second
	writeTimeout   = 10 * time.Second // of a server that reads no more
	apiTimeout     = 5 * time.Second
)

// session is one connection to the server, from its start to its end. It never
// reconnects: what was published on it is, at the server, a beginning of what
// was handed to it, in order. A connection that comes back by itself has no such
// property, since something new could slip in before what was lost with the old
// one is published again. After its end there is a new session.
type session struct {
	nc       *nats.Conn
	log      jetstream.Stream
	verdicts jetstream.Stream
	gates    jetstream.Stream
	js       jetstream.JetStream
	acks     *acks
	batches  *batches       // nil unless records go through atomic batches
	done     chan struct{}  // closed when the connection has ended
	reason   error          // why, to be read after done
	broken   atomic.Bool    // the server has to be started again
	closed   sync.WaitGroup // goroutines that end with the session
}

// dial makes one try at a session: connects, and sees to the streams.
func (l *Log) dial(ctx context.Context) (*session, error) {
	s := &session{done: make(chan struct{})}
	ended := make(chan struct{})
	opts := []nats.Option{
		nats.Name(l.opts.Name),
		nats.NoReconnect(),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(connectTimeout),
		nats.FlusherTimeout(writeTimeout),
		nats.ClosedHandler(func(*nats.Conn) { close(ended) }),
		nats.ErrorHandler(l.asyncErrors()),
	}
	where, err := l.target()
	if err != nil {
		return nil, err
	}
	if s.nc, err = nats.Connect(l.servers, append(opts, where...)...); err != nil {
		return nil, err
	}
	if err := l.setUp(ctx, s); err != nil {
		s.nc.Close()
		<-ended
		return nil, err
	}
	s.closed.Go(func() {
		<-ended
		s.reason = s.nc.LastError()
		if s.reason == nil {
			s.reason = nats.ErrConnectionClosed
		}
		close(s.done)
		s.acks.close(fmt.Errorf("the connection has ended: %w", s.reason))
	})
	s.closed.Go(func() { s.acks.expire(s.done) })
	if s.batches != nil {
		s.closed.Go(s.batches.run)
	}
	return s, nil
}

// target says which server to connect to, and as whom.
func (l *Log) target() (opts []nats.Option, err error) {
	if l.server != nil {
		server, err := l.server.up()
		if err != nil {
			return nil, err
		}
		return []nats.Option{nats.InProcessServer(server), l.server.keys.owner.login()}, nil
	}
	if l.opts.CredsFile != "" {
		opts = append(opts, nats.UserCredentials(l.opts.CredsFile))
	}
	if l.opts.TLS != nil {
		opts = append(opts, nats.Secure(l.opts.TLS))
	}
	return opts, nil
}

// batched reports whether records go through atomic batches.
func (l *Log) batched() bool { return l.server != nil && l.opts.SyncAlways }

// setUp sees to the streams and to where acknowledgements arrive.
func (l *Log) setUp(ctx context.Context, s *session) error {
	js, err := jetstream.New(s.nc, jetstream.WithDefaultTimeout(apiTimeout))
	if err != nil {
		return err
	}
	if s.log, err = ensureStream(ctx, js, logConfig(&l.opts), &l.opts); err != nil {
		return err
	}
	if s.verdicts, err = ensureStream(ctx, js, verdictConfig(&l.opts), &l.opts); err != nil {
		return err
	}
	if s.gates, err = ensureStream(ctx, js, gateConfig(&l.opts), &l.opts); err != nil {
		return err
	}
	s.js = js
	s.acks, err = newAcks(s.nc)
	if l.server == nil || err != nil {
		return err
	}
	s.acks.broken = s.breakDown
	if l.opts.SyncAlways {
		s.batches = newBatches(s)
	}
	if l.opts.NATSListen == "" {
		return nil
	}
	server, err := l.server.up()
	if err != nil {
		return err
	}
	return l.server.ensureMirror(ctx, server)
}

// breakDown ends the session because its embedded server does not store what it
// gets. After a write error, as of a full disk, it never does again.
func (s *session) breakDown() {
	s.broken.Store(true)
	s.nc.Close()
}

// errStuck is why a session with a server of our own was given up.
var errStuck = errors.New("the embedded NATS server does not store what it gets, as after a write error: it is started again")

// why says what ended the session. It waits for its end.
func (s *session) why() error {
	<-s.done
	if s.broken.Load() {
		return errStuck
	}
	return s.reason
}

// end closes the connection and waits until all that hung on it is told.
func (s *session) end() {
	s.nc.Close()
	s.closed.Wait()
}

// alive reports whether the connection still stands.
func (s *session) alive() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// send hands an entry of the log to the server. The entry is settled exactly
// once, here or later.
func (s *session) send(e *entry) {
	if s.batches != nil {
		s.batches.add(e)
		return
	}
	s.acks.publish(e)
}

// asyncErrors logs what the server or the client library has to say outside of
// any call, each text once a connection.
func (l *Log) asyncErrors() nats.ErrHandler {
	var mu sync.Mutex
	said := map[string]bool{}
	return func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if err == nil || errors.Is(err, nats.ErrConnectionClosed) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if text := err.Error(); !said[text] && len(said) < 100 {
			said[text] = true
			l.logger.Warn("event log: the connection reports a fault", slog.String("error", text))
		}
	}
}
