package install

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// Values that can't work are refused at once, with a sentence that says what to set.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ set, want string }{
		"replicas without NATS":       {"replicas=2", "Set nats.url to a NATS with JetStream, or replicas: 1"},
		"readers without NATS":        {"falco.output=socket", "falco.output is socket: a reader on each node writes to one event log"},
		"discovery without a client":  {"falco.output=discover", "Set falco.discover.tlsSecret"},
		"client CA without TLS":       {"falco.http.clientCA=true", "falco.http.clientCA needs falco.http.tlsSecret"},
		"tokens without a file":       {"auth.mode=token", "set auth.secret to a Secret with auth.yaml"},
		"certificates without TLS":    {"auth.mode=mtls,auth.secret=callers,tls.source=none", "a client certificate needs TLS"},
		"given TLS without a Secret":  {"tls.source=secret", "set tls.secret"},
		"cert-manager without issuer": {"tls.source=certManager", "set tls.issuerRef"},
		"NATS certificate without CA": {"nats.url=nats://n:4222,nats.clientCert=true", "nats.clientCert needs nats.tlsSecret"},
		"a flag that the chart sets":  {"config.listen=:1", "config.listen is set by the chart's other values"},
		"an unknown value":            {"replica=2", "additional properties 'replica' not allowed"},
		"an unknown output":           {"falco.output=grpc", "/falco/output"},
		"two copies":                  {"nats.replicas=2", "/nats/replicas"},
		"a size that is none":         {"persistence.size=large", "/persistence/size"},
		"a digest that is none":       {"image.digest=latest", "/image/digest"},
		"no replica":                  {"replicas=0", "/replicas"},
		"all pods taken for Falco's":  {"falco.selector=null", "missing property 'selector'"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := command(helm, "template", release, chart, "--namespace", namespace, "--set", c.set)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// What Falco's chart is given rules no proof out.
func TestFalcoValues(t *testing.T) {
	files, err := filepath.Glob(chart + "/falco-values/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			out, err := command(daemon.Program(), "doctor", "--falco-config", file)
			require.NoError(t, err)
			t.Log(out)
		})
	}
}
