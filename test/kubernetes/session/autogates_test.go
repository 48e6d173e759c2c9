package session

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
	"github.com/falcogate/falcogate/test/kubernetes/manifests"
)

// autoGate is what the test wants to know of a gate.
type autoGate struct {
	ID, State string
	Start     time.Time
	Labels    map[string]string
}

// gatesOf are the gates of a namespace.
func (d *daemon) gatesOf(t *testing.T, namespace string) []autoGate {
	t.Helper()
	resp, err := http.Get("http://" + d.api + "/v1/gates?namespace=" + namespace)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var list struct{ Gates []autoGate }
	if resp.StatusCode == http.StatusOK {
		require.NoError(t, json.Unmarshal(body, &list))
	}
	return list.Gates
}

// wantGate waits until a namespace has exactly one gate in one of the states.
func (d *daemon) wantGate(t *testing.T, namespace string, states ...string) (gate autoGate) {
	t.Helper()
	require.Eventually(t, func() bool {
		all := d.gatesOf(t, namespace)
		if len(all) != 1 {
			return false
		}
		gate = all[0]
		for _, state := range states {
			if gate.State == state {
				return true
			}
		}
		return false
	}, time.Minute, 50*time.Millisecond, "%s: %v", namespace, states)
	return gate
}

// Namespaces get and lose their gates by labels and deletion, also while the API server
// or falcogate is away, with the rights that docs/gates.md gives and no more.
func TestNamespacesAskForGates(t *testing.T) {
	ctx := t.Context()
	api := cluster.Clientset().CoreV1().Namespaces()
	require.NoError(t, cluster.Namespace(ctx, "falcogate"))
	require.NoError(t, cluster.ServiceAccount(ctx, "falcogate", "falcogate"))
	require.NoError(t, manifests.ApplyDocument(ctx, cluster.Clientset(), "../../../docs/gates.md"))
	token, err := cluster.Token(ctx, "falcogate", "falcogate", controlplane.TokenOptions{})
	require.NoError(t, err)
	kubeconfig, err := cluster.KubeconfigFor(token)
	require.NoError(t, err)
	dir := t.TempDir()
	policies := filepath.Join(dir, "policies.yaml")
	require.NoError(t, os.WriteFile(policies, []byte("gate_policies:\n  shadow:\n    severity: error\n    labels: {team: a}\n"), 0o600))
	suffix := controlplane.UniqueName("auto")
	name := func(n string) string { return suffix + "-" + n }
	create := func(n, policy string) {
		t.Helper()
		_, err := api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name(n), Labels: map[string]string{"falcogate.dev/gate": policy}}}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	label := func(n, labels string) {
		t.Helper()
		_, err := api.Patch(ctx, name(n), types.MergePatchType, []byte(`{"metadata":{"labels":`+labels+`}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	start := func(t *testing.T) *daemon {
		return serve(t, "--data-dir", filepath.Join(dir, "data"), "--kubeconfig", kubeconfig, "--gate-policies", policies)
	}

	before := time.Now().Add(-2 * time.Second) // the API server's times are whole seconds
	create("early", "shadow")
	var first autoGate
	t.Run("while falcogate runs", func(t *testing.T) {
		d := start(t)
		first = d.wantGate(t, name("early"), "open")
		require.True(t, strings.HasPrefix(first.ID, "auto-"+name("early")+"-"), first.ID)
		require.Equal(t, "a", first.Labels["team"])
		require.WithinRange(t, first.Start, before, time.Now())
		create("unknown", "no-such")
		create("later", "shadow")
		d.wantGate(t, name("later"), "open")
		require.Empty(t, d.gatesOf(t, name("unknown")))
		label("early", `{"falcogate.dev/gate-state":"closed"}`)
		d.wantGate(t, name("early"), "closed", "decided")

		require.NoError(t, cluster.StopAPIServer())
		require.NoError(t, cluster.StartAPIServer(ctx))
		create("after", "shadow")
		d.wantGate(t, name("after"), "open")
		d.wantGate(t, name("later"), "open")
	})
	create("meanwhile", "shadow")
	label("later", `{"falcogate.dev/gate":null}`)
	require.NoError(t, api.Delete(ctx, name("after"), metav1.DeleteOptions{}))
	t.Run("after it was away", func(t *testing.T) {
		d := start(t)
		d.wantGate(t, name("meanwhile"), "open")
		d.wantGate(t, name("later"), "closed", "decided")
		d.wantGate(t, name("after"), "closed", "decided")
		require.Equal(t, first.ID, d.wantGate(t, name("early"), "closed", "decided").ID)
	})
}
