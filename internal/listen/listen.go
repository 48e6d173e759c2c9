// Package listen opens the listeners of HTTP interfaces, and tells those that only
// this machine reaches from all others: who may come in there must be said.
//
// It imports the standard library alone. All functions may be called concurrently.
package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// ErrBeyondLoopback is what TCP returns for an address that others can reach.
var ErrBeyondLoopback = errors.New("the address can be reached from beyond this machine, and callers are not asked who they are")

// Loopback reports whether an address host:port names loopback alone: 127.0.0.0/8,
// [::1] or localhost. Any other name, and the empty one, which is all addresses,
// do not.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// TCP listens at an address host:port. Unless anywhere is set, one beyond loopback
// is refused with ErrBeyondLoopback, by what it is called before and by what it came
// to after.
func TCP(ctx context.Context, address string, anywhere bool) (net.Listener, error) {
	if !anywhere && !Loopback(address) {
		return nil, fmt.Errorf("%s: %w", address, ErrBeyondLoopback)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if at, ok := l.Addr().(*net.TCPAddr); !anywhere && (!ok || !at.IP.IsLoopback()) {
		// The name localhost can be anybody's.
		return nil, errors.Join(fmt.Errorf("%s: %w", l.Addr(), ErrBeyondLoopback), l.Close())
	}
	return l, nil
}
