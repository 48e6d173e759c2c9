package session

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/kubernetes/manifests"
)

// The Job that docs/events.md shows is one that the API server takes, in a namespace that
// demands the restricted profile, and its script is the one that the demo runs.
func TestJobExample(t *testing.T) {
	ctx := t.Context()
	const namespace = "shadow-shop"
	require.NoError(t, cluster.Namespace(ctx, namespace))
	ns, err := cluster.Clientset().CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	require.NoError(t, err)
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	ns.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
	_, err = cluster.Clientset().CoreV1().Namespaces().Update(ctx, ns, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.NoError(t, manifests.ApplyFile(ctx, cluster.Clientset(), "../../../docs/examples/gate-job.yaml"))

	script, err := os.ReadFile("../../../docs/examples/await-verdict.sh")
	require.NoError(t, err)
	held, err := cluster.Clientset().CoreV1().ConfigMaps(namespace).Get(ctx, "await-verdict", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(script)), strings.TrimSpace(held.Data["await-verdict.sh"]))
	// A Job is taken whatever its pods are; a pod of it shows whether they are allowed.
	job, err := cluster.Clientset().BatchV1().Jobs(namespace).Get(ctx, "await-deploy-7", metav1.GetOptions{})
	require.NoError(t, err)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "of-the-job", Namespace: namespace}, Spec: job.Spec.Template.Spec}
	_, err = cluster.Clientset().CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	require.NoError(t, err)
}
