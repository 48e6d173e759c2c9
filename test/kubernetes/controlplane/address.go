package controlplane

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// loopbackAddress draws an address of 127.0.0.0/8, all of which Linux has.
func loopbackAddress() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.N(254), rand.N(256), 1+rand.N(254))
}

// freePorts are n ports of an address that nobody listens on. They lie below those
// that the kernel gives to outgoing connections, so that a port stays free while
// its server is stopped and others connect to it.
func freePorts(ctx context.Context, address string, n int) ([]int, error) {
	const first, last, tries = 20000, 32000, 50
	var err error
	for range tries {
		base := first + rand.N(last-first-n)
		if err = listenOnce(ctx, address, base, n); err != nil {
			continue
		}
		ports := make([]int, n)
		for i := range ports {
			ports[i] = base + i
		}
		return ports, nil
	}
	return nil, fmt.Errorf("no %d free ports at %s in %d tries: %w", n, address, tries, err)
}

// listenOnce opens and closes n ports from base.
func listenOnce(ctx context.Context, address string, base, n int) (err error) {
	for port := base; port < base+n; port++ {
		listener, listenErr := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if listenErr != nil {
			return errors.Join(err, listenErr)
		}
		defer func() { err = errors.Join(err, listener.Close()) }()
	}
	return nil
}
