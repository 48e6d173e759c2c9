package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/internal/eventlog"
)

// closeTimeout bounds the end of a part.
const closeTimeout = 10 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// scratchLog is an embedded event log in a folder of its own that goes with it.
type scratchLog struct {
	*eventlog.Log
	dir string
}

func openScratchLog(ctx context.Context) (*scratchLog, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	l, err := eventlog.Open(ctx, eventlog.Options{DataDir: dir, Logger: quiet})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &scratchLog{Log: l, dir: dir}, nil
}

// NewLane makes the log a consumer.Log.
func (l *scratchLog) NewLane() consumer.Lane { return l.Log.NewLane() }

func (l *scratchLog) close() error {
	if l == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return errors.Join(l.Close(ctx), os.RemoveAll(l.dir))
}

// bareStream is a stream like the event log's, on an embedded server like the
// event log's, used as nats.go's documentation says and with nothing around it.
type bareStream struct {
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	dir    string
	failed chan error // of publishing; the first is kept
}

// bareSubject is like that of an alert, for what is published unread.
const bareSubject = "falcogate.log.alert.shadow-bad.warning.node-a"

// window is how many messages the event log's lane has in flight.
const window = 512

func openBareStream(ctx context.Context) (_ *bareStream, err error) {
	b := &bareStream{failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	b.server, err = server.NewServer(&server.Options{
		ServerName: "bare", JetStream: true, StoreDir: b.dir, JetStreamMaxStore: 1 << 50,
		SyncInterval: eventlog.DefaultSyncInterval, DontListen: true, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return nil, err
	}
	b.server.Start()
	if !b.server.ReadyForConnections(closeTimeout) {
		return nil, errors.New("the bare server did not get ready")
	}
	if b.conn, err = nats.Connect("", nats.InProcessServer(b.server)); err != nil {
		return nil, err
	}
	b.js, err = jetstream.New(b.conn, jetstream.WithPublishAsyncMaxPending(window),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) {
			select {
			case b.failed <- err:
			default:
			}
		}))
	if err != nil {
		return nil, err
	}
	b.stream, err = b.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "BARE", Subjects: []string{"falcogate.log.>"}, Storage: jetstream.FileStorage, AllowDirect: true,
		MaxAge: eventlog.DefaultRetention, MaxBytes: eventlog.DefaultMaxBytes, Duplicates: 2 * time.Minute,
	})
	return b, err
}

func (b *bareStream) close() error {
	if b == nil {
		return nil
	}
	if b.conn != nil {
		b.conn.Close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	return os.RemoveAll(b.dir)
}
