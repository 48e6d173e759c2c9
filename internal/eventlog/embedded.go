package eventlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
)

// lockFile, in the data directory, is held by the process that uses it. The
// server itself has no lock: a second one would start on the same store and
// both would write it.
const lockFile = "falcogate.lock"

// startLimit is how long a server that has recovered its store may take to
// answer.
const startLimit = 30 * time.Second

// embedded is a nats-server in this process, with its store in a directory that
// is locked for it.
type embedded struct {
	opts *Options
	lock *flock.Flock
	keys keys

	mu     sync.Mutex
	server *server.Server // nil while it is down
	listen string         // where it listens, once that is known
}

// newEmbedded locks the data directory and starts a server on it. Recovering the
// store happens in here and may take seconds after a crash.
func newEmbedded(opts *Options) (*embedded, error) {
	if err := os.MkdirAll(opts.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("event log: data directory: %w", err)
	}
	e := &embedded{opts: opts, listen: opts.NATSListen}
	e.lock = flock.New(filepath.Join(opts.DataDir, lockFile), flock.SetPermissions(0o600))
	switch locked, err := e.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("event log: locking the data directory %s: %w", opts.DataDir, err)
	case !locked:
		_ = e.lock.Close() // it holds nothing
		return nil, fmt.Errorf("event log: %w: %s: stop the other falcogate, or give this one a directory of its own", ErrLocked, opts.DataDir)
	}
	var err error
	if e.keys, err = newKeys(); err == nil {
		_, err = e.up()
	}
	if err != nil {
		_ = e.lock.Close() // the start's error matters more
		return nil, fmt.Errorf("event log: %w", err)
	}
	return e, nil
}

// up returns the running server, after starting it when it is down.
func (e *embedded) up() (*server.Server, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil {
		return e.server, nil
	}
	s, err := e.start()
	if err != nil {
		if s != nil {
			s.Shutdown()
			s.WaitForShutdown()
		}
		return nil, fmt.Errorf("starting the embedded NATS server on %s: %w", e.opts.DataDir, err)
	}
	e.server = s
	if e.listen != "" {
		e.listen = s.Addr().String() // the same port after a restart
	}
	return s, nil
}

// down stops the server, when it runs.
func (e *embedded) down() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil {
		return
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
	e.server = nil
}

// start makes a server and waits until it is ready.
func (e *embedded) start() (*server.Server, error) {
	conf := &server.Options{}
	if err := conf.ProcessConfigString(accounts(e.keys, e.opts.AskPrefix)); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	conf.ServerName = e.opts.Name
	conf.NoSigs = true
	conf.JetStream = true
	conf.StoreDir = e.opts.DataDir
	// The streams have limits of their own. One here could only keep the server
	// from recovering a log that was allowed to be larger before.
	conf.JetStreamMaxStore = 1 << 50
	conf.SyncInterval = e.opts.SyncInterval
	conf.SyncAlways = e.opts.SyncAlways
	conf.DontListen = e.listen == ""
	var err error
	if !conf.DontListen {
		if conf.Host, conf.Port, err = listenAddress(e.listen); err != nil {
			return nil, err
		}
	}
	s, err := server.NewServer(conf)
	if err != nil {
		return nil, err
	}
	log := newServerLog(e.opts.Logger)
	s.SetLoggerV2(log, false, false, false)
	s.Start()
	for deadline := time.Now().Add(startLimit); ; {
		ready := s.ReadyForConnections(50 * time.Millisecond)
		select {
		case reason := <-log.fatal: // only its logger hears why it can't start
			return s, errors.New(reason)
		default:
		}
		switch {
		case ready:
			return s, nil
		case time.Now().After(deadline):
			return s, fmt.Errorf("it did not get ready within %s", startLimit)
		}
	}
}

// listenAddress splits host:port. Port 0 is any free port, which the server
// calls -1.
func listenAddress(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("listen address: %w: want host:port, such as 127.0.0.1:4222", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("listen address %q: port: %w", address, err)
	}
	if port == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(port), nil
}

// close stops the server and unlocks the directory, unless ctx ends first: then
// the directory stays locked until the process is gone, because the server may
// still write to it.
func (e *embedded) close(ctx context.Context) error {
	if err := within(ctx, e.down); err != nil {
		return fmt.Errorf("event log: the embedded NATS server did not stop in time: %w", err)
	}
	if err := e.lock.Close(); err != nil {
		return fmt.Errorf("event log: unlocking the data directory: %w", err)
	}
	return nil
}

// url is where outside clients reach the server, or empty.
func (e *embedded) url() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.listen == "" {
		return ""
	}
	return "nats://" + e.listen
}
