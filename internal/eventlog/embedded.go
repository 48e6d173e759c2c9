package eventlog

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
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
	server *server.Server
	lock   *flock.Flock
	keys   keys
}

// startEmbedded locks the data directory and starts a server on it. Recovering
// the store happens in here and may take seconds after a crash.
func startEmbedded(opts *Options) (*embedded, error) {
	if err := os.MkdirAll(opts.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("event log: data directory: %w", err)
	}
	lock := flock.New(filepath.Join(opts.DataDir, lockFile), flock.SetPermissions(0o600))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("event log: locking the data directory %s: %w", opts.DataDir, err)
	case !locked:
		_ = lock.Close() // it holds nothing
		return nil, fmt.Errorf("event log: %w: %s: stop the other falcogate, or give this one a directory of its own", ErrLocked, opts.DataDir)
	}
	e := &embedded{lock: lock}
	if err := e.start(opts); err != nil {
		if e.server != nil {
			e.server.Shutdown()
			e.server.WaitForShutdown()
		}
		_ = lock.Close() // the start's error matters more
		return nil, fmt.Errorf("event log: starting the embedded NATS server on %s: %w", opts.DataDir, err)
	}
	return e, nil
}

func (e *embedded) start(opts *Options) error {
	var err error
	if e.keys, err = newKeys(); err != nil {
		return err
	}
	conf := &server.Options{}
	if err := conf.ProcessConfigString(accounts(e.keys)); err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	conf.ServerName = opts.Name
	conf.NoSigs = true
	conf.JetStream = true
	conf.StoreDir = opts.DataDir
	// The streams have limits of their own. One here could only keep the server
	// from recovering a log that was allowed to be larger before.
	conf.JetStreamMaxStore = 1 << 50
	conf.SyncInterval = opts.SyncInterval
	conf.SyncAlways = opts.SyncAlways
	conf.DontListen = opts.NATSListen == ""
	if !conf.DontListen {
		if conf.Host, conf.Port, err = listenAddress(opts.NATSListen); err != nil {
			return err
		}
	}
	if e.server, err = server.NewServer(conf); err != nil {
		return err
	}
	log := newServerLog(opts.Logger)
	e.server.SetLoggerV2(log, false, false, false)
	e.server.Start()
	// The server reports that it can't start to its logger alone.
	select {
	case reason := <-log.fatal:
		return fmt.Errorf("%s", reason)
	default:
	}
	ready := make(chan bool, 1)
	go func() { ready <- e.server.ReadyForConnections(startLimit) }()
	select {
	case reason := <-log.fatal:
		e.server.Shutdown()
		<-ready
		return fmt.Errorf("%s", reason)
	case ok := <-ready:
		if !ok {
			return fmt.Errorf("it did not get ready within %s", startLimit)
		}
	}
	return nil
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

// stop shuts the server down and unlocks the directory, unless ctx ends first:
// then the directory stays locked until the process is gone, because the server
// may still write to it.
func (e *embedded) stop(ctx context.Context) error {
	err := within(ctx, func() {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	})
	if err != nil {
		return fmt.Errorf("event log: the embedded NATS server did not stop in time: %w", err)
	}
	if err := e.lock.Close(); err != nil {
		return fmt.Errorf("event log: unlocking the data directory: %w", err)
	}
	return nil
}
