package reviews

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
	"github.com/falcogate/falcogate/test/kubernetes/manifests"
)

// shared is the control plane of all tests, which run one after the other.
var shared *controlplane.ControlPlane

// asGate is a kubeconfig of falcogate's own service account, with the rights that
// the documentation gives it.
var asGate string

func TestMain(m *testing.M) {
	os.Exit(controlplane.RunTests(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { shared = c }))
}

// gate is falcogate's own access. The first call sets it up.
func gate(t *testing.T) *kube.Client {
	t.Helper()
	if asGate == "" {
		ctx := t.Context()
		for _, namespace := range []string{"falcogate", "falco"} {
			require.NoError(t, shared.Namespace(ctx, namespace))
		}
		require.NoError(t, manifests.ApplyDocument(ctx, shared.Clientset(), "../../../docs/kubernetes-falco.md"))
		token, err := shared.Token(ctx, "falcogate", "falcogate", controlplane.TokenOptions{})
		require.NoError(t, err)
		asGate, err = shared.KubeconfigFor(token)
		require.NoError(t, err)
	}
	return connect(t, asGate)
}

func connect(t *testing.T, kubeconfig string) *kube.Client {
	t.Helper()
	client, err := kube.Connect(kube.Options{Kubeconfig: kubeconfig})
	require.NoError(t, err)
	return client
}
