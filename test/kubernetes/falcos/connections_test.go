package falcos

import (
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// connections is a listener that knows who is connected: it tells whether two
// readers ever were at once, and whether nobody is.
type connections struct {
	net.Listener

	mu       sync.Mutex
	open     map[*connection]bool
	overlaps int // connections that were made while another was established
}

type connection struct {
	net.Conn
	of *connections
}

func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.established() > 0 {
		c.overlaps++
	}
	accepted := &connection{conn, c}
	c.open[accepted] = true
	return accepted, nil
}

func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// established is how many connections the kernel has that their other side has not
// closed. The listener is locked.
func (c *connections) established() (n int) {
	for conn := range c.open {
		raw, err := conn.Conn.(syscall.Conn).SyscallConn()
		if err != nil {
			continue // closed
		}
		_ = raw.Control(func(fd uintptr) {
			if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && info.State == unix.BPF_TCP_ESTABLISHED {
				n++
			}
		})
	}
	return n
}

// now is how many readers are connected, and how often there were two.
func (c *connections) now() (connected, overlaps int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.established(), c.overlaps
}
