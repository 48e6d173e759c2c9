package eventlog_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy stands between a client and a nats-server. It cuts all connections at
// once, refuses new ones, and can lose single messages.
type proxy struct {
	t      testing.TB
	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	refuse bool
	lose   func(subject string) bool
	seen   func() // called for each message to the log
}

func newProxy(t testing.TB, target int) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{t: t, target: fmt.Sprintf("127.0.0.1:%d", target), l: l, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = p.l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.l.Addr().String() }

// cut ends all connections without a flush in either direction.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	clear(p.conns)
}

// set changes how it behaves.
func (p *proxy) set(change func(*proxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *proxy) accept() {
	for {
		in, err := p.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		p.mu.Lock()
		if err != nil || p.refuse {
			p.mu.Unlock()
			_ = in.Close()
			if err == nil {
				_ = out.Close()
			}
			continue
		}
		p.conns[in], p.conns[out] = true, true
		p.mu.Unlock()
		p.wg.Go(func() { p.forward(in, out) })
		p.wg.Go(func() {
			_, _ = io.Copy(in, out)
			_ = in.Close()
			_ = out.Close()
		})
	}
}

// forward passes on what the client sends, message by message.
func (p *proxy) forward(in, out net.Conn) {
	defer func() {
		_ = in.Close()
		_ = out.Close()
	}()
	r, w := bufio.NewReader(in), bufio.NewWriter(out)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		f := bytes.Fields(line)
		lost := false
		var body []byte
		if len(f) > 2 && (string(f[0]) == "HPUB" || string(f[0]) == "PUB") {
			size, err := strconv.Atoi(string(f[len(f)-1]))
			if err != nil {
				return
			}
			body = make([]byte, size+2)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			if bytes.HasPrefix(f[1], []byte("falcogate.log.")) {
				p.mu.Lock()
				lose, seen := p.lose, p.seen
				p.mu.Unlock()
				if seen != nil {
					seen()
				}
				lost = lose != nil && lose(string(f[1]))
			}
		}
		if lost {
			continue
		}
		_, _ = w.Write(line)
		_, _ = w.Write(body)
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
	}
}
