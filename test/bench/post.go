package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/consumer/falcohttp"
)

const (
	connections = 64     // as many Falcos post at once
	posted      = 10_000 // POSTs of one turn
)

func posting() comparison {
	return comparison{
		name: "HTTP: POST, acknowledged by the log, 200", ours: "falcogate", other: "body thrown away", unit: "POSTs/s",
		goal: "≥ 0.5", rounds: 9, open: openPosts, met: atLeast(0.5),
	}
}

// posts are two servers that get the same alerts from the same kind of client.
type posts struct {
	log       *scratchLog
	stores    *falcohttp.Server
	discards  *http.Server
	discarded chan error
	ours      *clients
	theirs    *clients
	sent      int // to each
}

func openPosts(ctx context.Context) (_ pair, err error) {
	p := &posts{discarded: make(chan error, 1)}
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
	p.discards = &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler:           http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }),
	}
	go func() { p.discarded <- p.discards.Serve(listener) }()
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
	if p.discards != nil {
		err = p.discards.Close()
		if e := <-p.discarded; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
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
	_, last, _, err := p.log.Bounds(ctx)
	if err == nil && last != uint64(p.sent) {
		err = fmt.Errorf("the log has %d records of %d", last, p.sent)
	}
	return figures{ours: rate(posted, ours), other: rate(posted, theirs), note: fmt.Sprintf("%d connections", connections)}, err
}

// clients are the connections to one server. They do as little as a client can,
// so that the servers are what is compared.
type clients struct {
	messages []message
	at       func(i int) time.Time
	conns    []net.Conn
	answers  []*bufio.Reader
}

func dial(ctx context.Context, to net.Addr, messages []message, at func(i int) time.Time) (*clients, error) {
	c := &clients{messages: messages, at: at}
	for range connections {
		conn, err := new(net.Dialer).DialContext(ctx, to.Network(), to.String())
		if err != nil {
			c.close()
			return nil, err
		}
		c.conns, c.answers = append(c.conns, conn), append(c.answers, bufio.NewReader(conn))
	}
	return c, nil
}

func (c *clients) close() {
	if c == nil {
		return
	}
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// post sends n alerts, from number first on, over all connections, each of which
// waits for its answer before it sends again. It returns how long all took.
func (c *clients) post(first, n int) (time.Duration, error) {
	var next atomic.Int64
	next.Store(int64(first) - 1)
	errs := make([]error, len(c.conns))
	var wg sync.WaitGroup
	begin := time.Now()
	for k := range c.conns {
		wg.Go(func() {
			var request []byte
			for i := int(next.Add(1)); i < first+n && errs[k] == nil; i = int(next.Add(1)) {
				request = c.request(request[:0], i)
				if _, errs[k] = c.conns[k].Write(request); errs[k] == nil {
					errs[k] = readOK(c.answers[k])
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin), errors.Join(errs...)
}

// request appends the i-th POST, as libcurl sends it.
func (c *clients) request(b []byte, i int) []byte {
	m := &c.messages[i%len(c.messages)]
	b = fmt.Appendf(b, "POST / HTTP/1.1\r\nHost: 127.0.0.1:2801\r\nAccept: */*\r\nContent-Type: application/json\r\n"+
		"User-Agent: falcosecurity/falco\r\nContent-Length: %d\r\n\r\n", len(m.body))
	head := len(b)
	b = append(b, m.body...)
	m.stampBody(b[head:], c.at(i))
	return b
}

// readOK reads an answer 200 without a body.
func readOK(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err == nil && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		err = fmt.Errorf("want 200, have %q", line)
	}
	for err == nil && len(line) > 2 {
		line, err = r.ReadSlice('\n')
	}
	return err
}
