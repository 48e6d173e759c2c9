package chaos

import (
	"io"
	"net"
	"sync"
)

// link carries TCP from one process to another. It can be cut, so that connections end
// and new ones are refused, or go deaf: then nothing more arrives, and nobody is told.
type link struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	is    linkState
	heard chan struct{} // closed when it is no longer deaf
}

type linkState int

const (
	whole linkState = iota
	cut
	deaf
)

func newLink(target string) (*link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{listener: listener, target: target, conns: map[net.Conn]bool{}, heard: make(chan struct{})}
	l.running.Go(l.accept)
	return l, nil
}

func (l *link) addr() string { return l.listener.Addr().String() }

// set makes the link whole, cut or deaf. One that was deaf is cut before it is whole
// again: what was in flight is gone.
func (l *link) set(state linkState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.is == deaf && state != deaf {
		close(l.heard)
		l.heard = make(chan struct{})
		l.drop()
	}
	if l.is = state; state == cut {
		l.drop()
	}
}

// drop ends all connections. The caller holds mu.
func (l *link) drop() {
	for c := range l.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	clear(l.conns)
}

func (l *link) close() {
	l.set(cut)
	_ = l.listener.Close()
	l.running.Wait()
}

func (l *link) accept() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.carry(in) })
	}
}

// carry carries a connection in both directions until it ends.
func (l *link) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer out.Close()
	l.mu.Lock()
	if l.is == cut {
		l.mu.Unlock()
		return
	}
	l.conns[in], l.conns[out] = true, true
	l.mu.Unlock()
	var both sync.WaitGroup
	for _, d := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(hearing{l, d[1]}, d[0])
			_ = in.Close()
			_ = out.Close()
		})
	}
	both.Wait()
	l.mu.Lock()
	delete(l.conns, in)
	delete(l.conns, out)
	l.mu.Unlock()
}

// hearing writes to a connection unless the link is deaf; then it waits, and the
// connection is ended when it is over.
type hearing struct {
	l *link
	net.Conn
}

func (h hearing) Write(data []byte) (int, error) {
	h.l.mu.Lock()
	is, heard := h.l.is, h.l.heard
	h.l.mu.Unlock()
	if is == deaf {
		<-heard
		return 0, net.ErrClosed
	}
	return h.Conn.Write(data)
}
