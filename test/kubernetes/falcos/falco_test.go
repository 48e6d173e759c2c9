package falcos

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/consumer/falcogrpc"
)

// numbers gives each alert of all tests a number of its own.
var numbers atomic.Int64

// namespaceOfAlerts is where the alerts were raised.
const namespaceOfAlerts = "shop"

// falco is a server with Falco's outputs API, one queue, and mutual TLS. What it
// raises waits in its queue while nobody reads.
type falco struct {
	node, ip    string
	server      *falcogrpc.Server
	connections *connections

	mu     sync.Mutex
	raised []string // ids, in order
}

// startFalco listens at an address of the pod network.
func startFalco(node, ip string) (*falco, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "5060"))
	if err != nil {
		return nil, err
	}
	f := &falco{node: node, ip: ip, connections: &connections{Listener: listener, open: map[*connection]bool{}}}
	f.server, err = falcogrpc.NewServer(falcogrpc.ServerOptions{Listener: f.connections, TLS: authorized.server})
	return f, err
}

// raise raises n alerts.
func (f *falco) raise(ctx context.Context, n int) error {
	for range n {
		line := fmt.Appendf(nil, `{"hostname":%q,"output":"o","output_fields":{"k8s.ns.name":%q,"evt.num":%d},"priority":"Warning",`+
			`"rule":"Test","source":"syscall","tags":[],"time":%q}`,
			f.node, namespaceOfAlerts, numbers.Add(1), time.Now().UTC().Format(time.RFC3339Nano))
		alert, err := consumer.DecodeJSON(line)
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.raised = append(f.raised, alert.ID().String())
		f.mu.Unlock()
		if err := f.server.Send(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// ids are those of all that it has raised.
func (f *falco) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.raised...)
}

// end ends Falco when all that it has raised was taken, so that nothing is lost
// with its queue.
func (f *falco) end(ctx context.Context) error {
	if err := f.server.Drain(ctx); err != nil {
		return fmt.Errorf("falco at %s: what it raised is not taken: %w", f.ip, err)
	}
	return f.server.Close()
}
