package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/consumer/falcohttp"
)

const (
	connections = 64     // as many Falcos post at once
	posted      = 10_000 // POSTs of one turn
)

// postRows compare with a server that does not store, which is the goal, and with
// the least that a server must do that stores: how far the goal can be reached.
func postRows() []comparison {
	return []comparison{
		{
			name: "HTTP: POST, acknowledged by the log, 200", ours: "falcogate", other: "body thrown away", unit: "POSTs/s",
			goal: "≥ 0.5", rounds: 9, met: atLeast(0.5),
			open: func(ctx context.Context) (pair, error) { return openPosts(ctx, http.HandlerFunc(discard), nil) },
		},
		{
			name: "HTTP: POST, acknowledged by the log, 200", ours: "falcogate", other: "body published unread", unit: "POSTs/s",
			goal: "printed", rounds: 9,
			open: func(ctx context.Context) (pair, error) {
				b, err := openBareStream(ctx)
				if err != nil {
					return nil, err
				}
				return openPosts(ctx, b, b.close)
			},
		},
	}
}

// posts are two servers that get the same alerts from the same kind of client.
type posts struct {
	log          *scratchLog
	stores       *falcohttp.Server
	other        *http.Server
	otherEnded   chan error
	closeHandler func() error
	ours         *clients
	theirs       *clients
	sent         int // to each
}

// openPosts starts falcohttp, and a server with another handler, which is closed
// with it.
func openPosts(ctx context.Context, other http.Handler, closeOther func() error) (_ pair, err error) {
	p := &posts{otherEnded: make(chan error, 1), closeHandler: closeOther, sent: connections}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	messages, err := recorded(false)
	if err != nil {
		return nil, err
	}
	if p.log, err = openScratchLog(ctx); err != nil {
		return nil, err
	}
	intake, err := consumer.NewIntake(consumer.IntakeOptions{Log: p.log, Logger: quiet})
	if err != nil {
		return nil, err
	}
	if p.stores, err = falcohttp.NewServer(falcohttp.Options{Listen: "127.0.0.1:0", Intake: intake, Logger: quiet}); err != nil {
		return nil, err
	}
	if err := p.stores.Start(); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	// The same net/http, with the limits that falcohttp has.
	p.other = &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Hour, Handler: other}
	go func() { p.otherEnded <- p.other.Serve(listener) }()
	at := distinct()
	if p.ours, err = dial(ctx, p.stores.Addr(), messages, at); err != nil {
		return nil, err
	}
	p.theirs, err = dial(ctx, listener.Addr(), messages, at)
	return p, err
}

func (p *posts) close() error {
	p.ours.close()
	p.theirs.close()
	var err error
	if p.other != nil {
		err = p.other.Close()
		if e := <-p.otherEnded; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	if p.closeHandler != nil {
		err = errors.Join(err, p.closeHandler())
	}
	if p.stores != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		err = errors.Join(err, p.stores.Shutdown(ctx))
	}
	return errors.Join(err, p.log.close())
}

func (p *posts) round(ctx context.Context) (figures, error) {
	ours, err := p.ours.post(p.sent, posted)
	if err != nil {
		return figures{}, err
	}
	theirs, err := p.theirs.post(p.sent, posted)
	if err != nil {
		return figures{}, err
	}
	p.sent += posted
	bounds, err := p.log.Bounds(ctx)
	if err == nil && bounds.Last != uint64(p.sent) {
		err = fmt.Errorf("the log has %d records of %d", bounds.Last, p.sent)
	}
	return figures{ours: rate(posted, ours), other: rate(posted, theirs), note: fmt.Sprintf("%d connections", connections)}, err
}

// discard throws the body away.
func discard(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

var bodies = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// ServeHTTP publishes the body as it is and waits for the acknowledgement.
func (b *bareStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buf := bodies.Get().(*[16 << 10]byte)
	body := buf[:min(r.ContentLength, int64(len(buf)))]
	if _, err := io.ReadFull(r.Body, body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ack, err := b.js.PublishMsgAsync(&nats.Msg{Subject: bareSubject, Data: body}, jetstream.WithStallWait(time.Minute))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	select {
	case <-ack.Ok():
		bodies.Put(buf)
	case err := <-ack.Err():
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}
