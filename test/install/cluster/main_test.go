package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

const chart = "../../../charts/falcogate"

// The programs under test, and what they are installed into.
var (
	helmProgram string
	plane       *controlplane.ControlPlane
)

func TestMain(m *testing.M) {
	if helmProgram = os.Getenv("FALCOGATE_HELM"); helmProgram == "" {
		fmt.Fprintln(os.Stderr, "FALCOGATE_HELM is empty, want the path of a helm: run make test-install")
		os.Exit(1)
	}
	os.Exit(daemon.Main(within{m}))
}

// within are tests that run within a control plane.
type within struct{ *testing.M }

// Run runs them, and returns the exit code.
func (w within) Run() int {
	return controlplane.RunTests(w.M, controlplane.Options{Controllers: true, KWOK: true}, func(c *controlplane.ControlPlane) { plane = c })
}

// helm runs it against the control plane.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), helmProgram, append(args, "--kubeconfig", plane.Kubeconfig())...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s%s", err, out.String(), problems.String())
	}
	return out.String(), nil
}

// install has helm install or upgrade the chart and wait until all its pods are ready.
func install(t *testing.T, namespace string, args ...string) {
	t.Helper()
	_, err := helm(t, append([]string{
		"upgrade", "--install", "falcogate", chart, "--namespace", namespace, "--wait", "--timeout", "2m",
	}, args...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, happened(t, namespace))
	}
}

// namespaceAt makes that of a test, which takes pods of a Pod Security level alone.
func namespaceAt(t *testing.T, level string) string {
	t.Helper()
	name := controlplane.UniqueName("falcogate")
	require.NoError(t, plane.Namespace(t.Context(), name))
	label := fmt.Appendf(nil, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":%q}}}`, level)
	_, err := plane.Clientset().CoreV1().Namespaces().Patch(t.Context(), name, types.MergePatchType, label, metav1.PatchOptions{})
	require.NoError(t, err)
	return name
}

// volume is a disk that a claim finds, which a cluster's provisioner would make.
func volume(t *testing.T) {
	t.Helper()
	_, err := plane.Clientset().CoreV1().PersistentVolumes().Create(t.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: controlplane.UniqueName("disk")},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("20Gi")},
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/disk"}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// happened are the events of a namespace.
func happened(t *testing.T, namespace string) string {
	t.Helper()
	list, err := plane.Clientset().CoreV1().Events(namespace).List(context.WithoutCancel(t.Context()), metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, e := range list.Items {
		fmt.Fprintf(&text, "%s %s: %s %s\n", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
	return text.String()
}
