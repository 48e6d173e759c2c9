package falcos

import (
	"context"
	"fmt"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
	"github.com/falcogate/falcogate/test/kubernetes/manifests"
	"github.com/falcogate/falcogate/test/kubernetes/netns"
)

// What all tests share. They run one after the other, as some stop the API server.
var (
	shared     *controlplane.ControlPlane
	program    string // falcogate
	asGate     string // kubeconfig of its service account, with the documented rights
	authorized *pki
)

func TestMain(m *testing.M) {
	os.Exit(netns.RunTests(m, []string{"10.202.0.0/15"}, func() int {
		dir, err := os.MkdirTemp("", "falcogate-falcos-")
		if err == nil {
			defer os.RemoveAll(dir)
			program, err = daemon.Build(dir)
		}
		if err == nil {
			authorized, err = newPKI(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return controlplane.RunTests(m, controlplane.Options{Address: "10.202.0.1"}, func(c *controlplane.ControlPlane) {
			shared = c
			if err := prepare(c); err != nil {
				fmt.Fprintln(os.Stderr, err) // the tests fail without the rights
			}
		})
	}))
}

// prepare makes falcogate's service account, and its kubeconfig.
func prepare(c *controlplane.ControlPlane) error {
	ctx := context.Background()
	for _, namespace := range []string{"falcogate", "falco"} {
		if err := c.Namespace(ctx, namespace); err != nil {
			return err
		}
	}
	if err := manifests.ApplyDocument(ctx, c.Clientset(), "../../../docs/kubernetes-falco.md"); err != nil {
		return err
	}
	token, err := c.Token(ctx, "falcogate", "falcogate", controlplane.TokenOptions{})
	if err != nil {
		return err
	}
	asGate, err = c.KubeconfigFor(token)
	return err
}

// newPod is a pod as Falco's DaemonSet makes it.
func newPod(name string) *corev1.Pod {
	pod := controlplane.Pod("falco", name)
	pod.Labels = map[string]string{"app.kubernetes.io/name": "falco"}
	return pod
}
