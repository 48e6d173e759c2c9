package falcogrpc

import (
	"crypto/tls"
	"fmt"
	"net"
	"path"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// maxSocketPath is the longest path of a unix socket that Linux takes.
const maxSocketPath = 107

// target is where a Falco is: a unix socket or host:port.
type target struct {
	network string // "unix" or "tcp"
	address string // a path, or host:port
	dial    string // in grpc-go's notation
}

// parseTarget reads "unix:///path", "host:port" or "dns:///host:port".
func parseTarget(s string) (target, error) {
	if p, ok := strings.CutPrefix(s, "unix:"); ok {
		p = strings.TrimPrefix(p, "//")
		if !path.IsAbs(p) {
			return target{}, fmt.Errorf("gRPC target %q: want an absolute path behind unix://, such as unix:///run/falco/falco.sock", s)
		}
		if p = path.Clean(p); len(p) > maxSocketPath {
			return target{}, fmt.Errorf("gRPC target %q: the path of a unix socket has at most %d bytes, this one has %d", s, maxSocketPath, len(p))
		}
		return target{network: "unix", address: p, dial: "unix://" + p}, nil
	}
	hostPort := strings.TrimPrefix(s, "dns:///")
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil || host == "" || port == "" || strings.Contains(hostPort, "/") {
		return target{}, fmt.Errorf("gRPC target %q: want unix:///path, host:port or dns:///host:port", s)
	}
	address := net.JoinHostPort(strings.ToLower(host), port)
	return target{network: "tcp", address: address, dial: "dns:///" + address}, nil
}

// String is the target in one notation, whichever it was written in.
func (t target) String() string {
	if t.network == "unix" {
		return t.dial
	}
	return t.address
}

// credentials are those that Falco wants: none on its unix socket, mutual TLS
// else.
func (t target) credentials(config *tls.Config) (credentials.TransportCredentials, error) {
	if t.network == "unix" {
		return insecure.NewCredentials(), nil
	}
	if config == nil {
		return nil, fmt.Errorf("gRPC target %s: want TLS with a client certificate, which Falco demands on TCP; have none", t)
	}
	return credentials.NewTLS(config), nil
}
