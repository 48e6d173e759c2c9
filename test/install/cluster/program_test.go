package cluster

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// testPod is the pod of helm test.
func testPod(t *testing.T, namespace string) (pod corev1.Pod) {
	t.Helper()
	hooks, err := helm(t, "get", "hooks", "falcogate", "--namespace", namespace)
	require.NoError(t, err)
	for _, text := range strings.Split(hooks, "\n---\n") {
		if strings.Contains(text, "\nkind: Pod\n") {
			require.NoError(t, yaml.UnmarshalStrict([]byte(text), &pod))
			return pod
		}
	}
	t.Fatalf("no pod among the hooks:\n%s", hooks)
	return pod
}

// What is installed, run by hand where KWOK runs nothing: falcogate with the ConfigMap and
// the rights of its service account, a recorded Falco on the node of its pod, and what helm
// test asks, as a caller who is bound to the chart's role.
func TestFirstVerdict(t *testing.T) {
	ctx := t.Context()
	namespace := namespaceAt(t, "restricted")
	volume(t)
	require.NoError(t, plane.JoinKWOKNode(ctx, "node-a", nil))
	install(t, namespace, "--set", "fullnameOverride="+namespace+",tls.source=none",
		"--set", `nodeSelector.kubernetes\.io/hostname=node-a`)

	config, err := plane.Clientset().CoreV1().ConfigMaps(namespace).Get(ctx, namespace, metav1.GetOptions{})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "falcogate.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config.Data["falcogate.yaml"]), 0o600))
	token, err := plane.Token(ctx, namespace, namespace, controlplane.TokenOptions{})
	require.NoError(t, err)
	kubeconfig, err := plane.KubeconfigFor(token)
	require.NoError(t, err)
	d := daemon.Start(t, "--config", file, "--metrics-listen", "127.0.0.1:0", "--kubeconfig", kubeconfig)

	require.NoError(t, plane.ServiceAccount(ctx, namespace, "pipeline"))
	asked, err := plane.Token(ctx, namespace, "pipeline", controlplane.TokenOptions{Audiences: []string{"falcogate"}})
	require.NoError(t, err)
	tokenFile := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(tokenFile, []byte(asked), 0o600))
	ask := func(args ...string) (string, int) { return d.Run(t, append(args, "--token-file", tokenFile)...) }

	pod := testPod(t, namespace)
	doctor, check := pod.Spec.InitContainers[0].Args, pod.Spec.Containers[0].Args
	_, code := ask("sensors")
	require.Equal(t, 2, code, "who is bound to no role gets nothing")
	_, err = plane.Clientset().RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace + "-pipeline"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: namespace + "-" + namespace + "-verdict-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "pipeline"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	// A refusal is remembered for a while.
	require.Eventually(t, func() bool { _, code := ask("sensors"); return code == 0 }, daemon.Patience, tick)

	d.Play(t, "clean/http.jsonl.gz")
	// Both are asked again until they succeed, as their pod's restartPolicy has it.
	require.Equal(t, corev1.RestartPolicyOnFailure, pod.Spec.RestartPolicy)
	require.Eventually(t, func() bool { _, code := ask(doctor...); return code == 0 }, daemon.Patience, tick)
	var out string
	require.Eventually(t, func() bool { out, code = ask(append(check, "-o", "json")...); return code == 0 }, daemon.Patience, tick)
	var verdict struct {
		Verdict, Reason string
		Coverage        struct{ Sensors []string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &verdict), out)
	require.Equal(t, "pass", verdict.Verdict, out)
	require.Equal(t, "proven", verdict.Reason, out)
	require.Equal(t, []string{"node-a"}, verdict.Coverage.Sensors, out)
}
