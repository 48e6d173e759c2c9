package falcogrpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// listen opens the server's listener, unless it was given one.
func (o ServerOptions) listen() (net.Listener, []grpc.ServerOption, error) {
	var options []grpc.ServerOption
	if o.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(o.TLS)))
	}
	if o.Listener != nil {
		return o.Listener, options, nil
	}
	t, err := parseTarget(o.Address)
	if err != nil {
		return nil, nil, err
	}
	if t.network == "tcp" && o.TLS == nil {
		return nil, nil, fmt.Errorf("gRPC address %s: want TLS that demands client certificates, as Falco does on TCP; have none", t)
	}
	if t.network == "unix" {
		options = nil // Falco has no credentials there
		if err := removeSocket(t.address); err != nil {
			return nil, nil, err
		}
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(context.Background(), t.network, t.address)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for gRPC: %w", err)
	}
	return listener, options, nil
}

// removeSocket removes a socket that a process before us left behind. One that
// somebody listens on stays, and listening fails.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("listen for gRPC: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("listen for gRPC: %s is there and no socket", path)
	}
	var d net.Dialer
	if conn, err := d.DialContext(context.Background(), "unix", path); err == nil {
		_ = conn.Close()
		return fmt.Errorf("listen for gRPC: another process listens on %s", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("listen for gRPC: %w", err)
	}
	return nil
}
