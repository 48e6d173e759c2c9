package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// Each of the matrix is installed, and its pods are taken under Pod Security "restricted".
// Those that mount a folder of their node are the one exception.
func TestInstall(t *testing.T) {
	require.NoError(t, plane.JoinKWOKNode(t.Context(), controlplane.UniqueName("node"), nil))
	require.NoError(t, plane.JoinKWOKNode(t.Context(), controlplane.UniqueName("node"), nil))
	require.NoError(t, plane.Namespace(t.Context(), "falco"))
	files, err := filepath.Glob(chart + "/ci/*-values.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, values := range files {
		name, _ := strings.CutSuffix(filepath.Base(values), "-values.yaml")
		t.Run(name, func(t *testing.T) {
			level, pods := "restricted", 1
			switch name {
			case "socket":
				level, pods = "privileged", 2+2 // a reader on each node
			case "discover":
				pods = 3
			}
			namespace := namespaceAt(t, level)
			volume(t)
			// The custom resources are of others, which are not here.
			args := []string{"--values", values, "--set", "fullnameOverride=" + namespace,
				"--set", "serviceMonitor.enabled=false,prometheusRule.enabled=false"}
			if name == "http-mtls" {
				args = append(args, "--set", "tls.source=generated")
			}
			if name == "mtls" {
				require.NoError(t, plane.ServiceAccount(t.Context(), namespace, "given"))
			}
			install(t, namespace, args...)
			list, err := plane.Clientset().CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			require.Len(t, list.Items, pods)
			for _, pod := range list.Items {
				require.Equal(t, corev1.PodRunning, pod.Status.Phase)
			}
			_, err = helm(t, "uninstall", "falcogate", "--namespace", namespace, "--wait")
			require.NoError(t, err)
		})
	}
}

// The reader of a node's socket is refused where only "restricted" pods may run.
func TestReaderNeedsPrivilege(t *testing.T) {
	namespace := namespaceAt(t, "restricted")
	_, err := helm(t, "install", "falcogate", chart, "--namespace", namespace, "--values", chart+"/ci/socket-values.yaml",
		"--set", "fullnameOverride="+namespace, "--set", "serviceMonitor.enabled=false")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(happened(t, namespace), "hostPath") }, patience, tick)
	require.NotContains(t, happened(t, namespace), "Deployment "+namespace+": Failed")
}

// An upgrade keeps the certificate that was made at the install: callers have its CA.
func TestUpgradeKeepsTheCertificate(t *testing.T) {
	namespace := namespaceAt(t, "restricted")
	volume(t)
	require.NoError(t, plane.JoinKWOKNode(t.Context(), controlplane.UniqueName("node"), nil))
	install(t, namespace, "--set", "fullnameOverride="+namespace)
	secrets := plane.Clientset().CoreV1().Secrets(namespace)
	before, err := secrets.Get(t.Context(), namespace+"-tls", metav1.GetOptions{})
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(before.Data["ca.crt"]))
	pair, err := tls.X509KeyPair(before.Data["tls.crt"], before.Data["tls.key"])
	require.NoError(t, err)
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: namespace + "." + namespace + ".svc"})
	require.NoError(t, err)
	install(t, namespace, "--set", "fullnameOverride="+namespace, "--set", "config.retention=48h")
	after, err := secrets.Get(t.Context(), namespace+"-tls", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, before.Data, after.Data)
	given, err := plane.Clientset().CoreV1().ConfigMaps(namespace).Get(t.Context(), namespace+"-ca", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(after.Data["ca.crt"])), strings.TrimSpace(given.Data["ca.crt"]))
}

// Two releases of one name live side by side in two namespaces, though some of what they have
// is the cluster's, or stands in Falco's namespace.
func TestTwoReleases(t *testing.T) {
	falco := controlplane.UniqueName("falco")
	require.NoError(t, plane.Namespace(t.Context(), falco))
	for range 2 {
		namespace := namespaceAt(t, "restricted")
		_, err := helm(t, "install", "falcogate", chart, "--namespace", namespace,
			"--set", "falco.output=discover,falco.discover.tlsSecret=client,falco.namespace="+falco)
		require.NoError(t, err)
	}
}
