package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/consumer/falcogrpc"
	"github.com/falcogate/falcogate/internal/kube"
)

// falcoPort is where Falco's chart lets its gRPC server listen.
const falcoPort = 5060

// kubernetesOptions are the flags of what asks the API server.
type kubernetesOptions struct {
	kubeconfig      string
	falcoDiscover   string
	falcoServerName string
	falcoPort       int
	falcoLease      string
}

func (o *kubernetesOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` with the access to Kubernetes; empty means the pod's service account, and outside a pod what kubectl would use")
	flags.StringVar(&o.falcoDiscover, "falco-discover", "", "read every Falco up to 0.43 among these pods: `NAMESPACE/SELECTOR`, such as falco/app.kubernetes.io/name=falco")
	flags.StringVar(&o.falcoServerName, "falco-server-name", "", "`name` in the certificate of Falcos that are found; empty means falco-grpc.NAMESPACE.svc")
	flags.IntVar(&o.falcoPort, "falco-port", falcoPort, "`port` of Falcos that are found")
	flags.StringVar(&o.falcoLease, "falco-lease", "", "`NAMESPACE/NAME` of the Lease by which one of several consumers reads the Falcos that are found; empty for none")
}

// check finds what contradicts itself or the rest of the consumer's flags.
func (o *kubernetesOptions) check(only string, falco []string, files tlsFiles) error {
	if o.falcoDiscover == "" {
		switch {
		case o.falcoLease != "":
			return usagef("--falco-lease needs --falco-discover: it says who reads the Falcos that are found")
		case o.falcoServerName != "" || o.falcoPort != falcoPort:
			return usagef("--falco-server-name and --falco-port are for --falco-discover; the host:port of --falco has both in it")
		}
		return nil
	}
	if _, _, err := kube.ParseFalcoSelector(o.falcoDiscover); err != nil {
		return usagef("--falco-discover: %w", err)
	}
	switch {
	case only == onlyVerifier:
		return usagef("--falco-discover is the consumer's, which --only verifier leaves out")
	case files.ca == "" || files.cert == "" || files.key == "":
		return usagef("--falco-discover needs --falco-ca, --falco-cert and --falco-key: Falco's gRPC server takes no client on TCP without a certificate of its CA; " +
			"where Falco listens on a unix socket, run falcogate on each node and give it --falco unix:///run/falco/falco.sock")
	case o.falcoPort < 1 || o.falcoPort > 65535:
		return usagef("--falco-port is %d, want 1 to 65535", o.falcoPort)
	}
	if o.falcoLease == "" {
		return nil
	}
	if len(falco) > 0 {
		return usagef("--falco-lease is about the Falcos that are found, and every consumer would read that of --falco %s: give it to one consumer that has no Lease", falco[0])
	}
	if _, _, err := kube.ParseLease(o.falcoLease); err != nil {
		return usagef("--falco-lease: %w", err)
	}
	return nil
}

// kubernetes is the client of the API server, the same for all parts.
func (p *parts) kubernetes() (*kube.Client, error) {
	if p.kube == nil {
		client, err := kube.Connect(kube.Options{Kubeconfig: p.o.kubernetes.kubeconfig, UserAgent: "falcogate/" + built.version})
		if err != nil {
			return nil, err
		}
		p.kube = client
		p.lifecycle.onStop("connections to Kubernetes", p.o.shutdownTimeout, func(context.Context) error {
			client.Close()
			return nil
		})
	}
	return p.kube, nil
}

// startDiscovery follows Falco's pods and keeps a reader for each, as long as the
// Lease is held where there is one. The reader options are what all have in
// common.
func (p *parts) startDiscovery(reader falcogrpc.ReaderOptions) error {
	o := &p.o.kubernetes
	namespace, selector, err := kube.ParseFalcoSelector(o.falcoDiscover)
	if err != nil {
		return fmt.Errorf("--falco-discover: %w", err)
	}
	client, err := p.kubernetes()
	if err != nil {
		return err
	}
	reader.TLS = withServerName(reader.TLS, cmp.Or(o.falcoServerName, "falco-grpc."+namespace+".svc"))
	var lease kube.LeaseOptions
	if o.falcoLease != "" {
		if lease.Namespace, lease.Name, err = kube.ParseLease(o.falcoLease); err != nil {
			return fmt.Errorf("--falco-lease: %w", err)
		}
		lease.Logger, lease.Registerer = p.logger, p.registry
		reader.DrainTimeout = drainWithin(lease.StopTime())
	}
	fleet, err := falcogrpc.NewFleet(falcogrpc.FleetOptions{Reader: reader})
	if err != nil {
		return err
	}
	read := fleet.Run
	if o.falcoLease != "" {
		read = func(ctx context.Context) error { return client.Hold(ctx, lease, fleet.Run) }
	}
	p.background("readers of Falcos that are found", read)
	p.background("finding Falcos", func(ctx context.Context) error {
		return client.WatchFalcos(ctx, kube.FalcoOptions{Namespace: namespace, Selector: selector, Logger: p.logger, Registerer: p.registry},
			func(falcos []kube.Falco) { fleet.Set(members(falcos, o.falcoPort)) })
	})
	return nil
}

// withServerName is a configuration that wants this name in the server's
// certificate: pods are found by their addresses, which no certificate holds.
func withServerName(config *tls.Config, name string) *tls.Config {
	config = config.Clone()
	config.ServerName = name
	return config
}

// drainWithin is the drain timeout with which readers stop in time: it counts
// twice, and a second is left for the rest.
func drainWithin(stop time.Duration) time.Duration {
	return min(falcogrpc.DefaultDrainTimeout, (stop-time.Second)/2)
}

// members are Falcos as the fleet wants them.
func members(falcos []kube.Falco, port int) []falcogrpc.Member {
	all := make([]falcogrpc.Member, len(falcos))
	for i, f := range falcos {
		all[i] = falcogrpc.Member{ID: f.UID, Name: f.Name + " on " + f.Node, Address: net.JoinHostPort(f.IP, strconv.Itoa(port))}
	}
	return all
}
