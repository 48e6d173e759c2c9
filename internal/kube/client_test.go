package kube

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who gives no way to an API server, or a wrong one, is told what to give.
func TestConnectSaysWhatIsMissing(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	_, err := Connect(Options{})
	require.ErrorContains(t, err, "give --kubeconfig, or set KUBECONFIG")

	missing := filepath.Join(t.TempDir(), "missing")
	_, err = Connect(Options{Kubeconfig: missing})
	require.ErrorContains(t, err, "kubernetes: kubeconfig "+missing)
	require.ErrorIs(t, err, os.ErrNotExist)

	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(broken, []byte("{"), 0o600))
	_, err = Connect(Options{Kubeconfig: broken})
	require.ErrorContains(t, err, "kubeconfig "+broken)
}
