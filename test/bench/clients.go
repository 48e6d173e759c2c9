package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// clients are the connections to one server. They do as little as a client can,
// so that the servers are what is compared.
type clients struct {
	messages []message
	at       func(i int) time.Time
	conns    []net.Conn
	answers  []*bufio.Reader
}

// dial makes the connections and posts one alert on each, since a server gives a
// new connection less time than an idle one.
func dial(ctx context.Context, to net.Addr, messages []message, at func(i int) time.Time) (_ *clients, err error) {
	c := &clients{messages: messages, at: at}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for k := range connections {
		conn, err := new(net.Dialer).DialContext(ctx, to.Network(), to.String())
		if err != nil {
			return nil, err
		}
		c.conns, c.answers = append(c.conns, conn), append(c.answers, bufio.NewReader(conn))
		deadline, _ := ctx.Deadline()
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
		if _, err := conn.Write(c.request(nil, k)); err != nil {
			return nil, err
		}
		if err := readOK(c.answers[k]); err != nil {
			return nil, err
		}
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
