package falcos

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// watching is a kube.WatchFalcos under test.
type watching struct {
	stop     context.CancelFunc
	done     chan error
	registry *prometheus.Registry

	mu    sync.Mutex
	known bool
	set   []kube.Falco
}

// watchFalcos follows the pods with app=falco of a namespace, until the test ends.
func watchFalcos(t *testing.T, kubeconfig, namespace string) *watching {
	t.Helper()
	client, err := kube.Connect(kube.Options{Kubeconfig: kubeconfig})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background()) // it ends before the API server does
	w := &watching{stop: cancel, done: make(chan error, 1), registry: prometheus.NewRegistry()}
	go func() {
		defer close(w.done)
		w.done <- client.WatchFalcos(ctx, kube.FalcoOptions{
			Namespace: namespace, Selector: "app=falco", Logger: slog.New(slog.DiscardHandler), Registerer: w.registry,
		}, func(falcos []kube.Falco) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.known, w.set = true, falcos
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-w.done
	})
	return w
}

// now is the set, and whether it is known.
func (w *watching) now() (set []kube.Falco, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.set, w.known
}

// await waits until the set has these pods, in the order of their names.
func (w *watching) await(t *testing.T, want ...*corev1.Pod) {
	t.Helper()
	all := make([]kube.Falco, len(want))
	for i, pod := range want {
		all[i] = kube.Falco{UID: string(pod.UID), Name: pod.Name, Node: pod.Spec.NodeName, IP: pod.Status.PodIP}
	}
	eventually(t, func() error {
		set, known := w.now()
		if !known || !slices.Equal(all, set) {
			return fmt.Errorf("have %v, want %v", set, all)
		}
		return nil
	})
}

// failures is how many requests have failed.
func (w *watching) failures(t *testing.T) (n float64) {
	t.Helper()
	families, err := w.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "falcogate_kube_falco_watch_errors_total" {
			n = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return n
}

func (w *watching) awaitFailure(t *testing.T) {
	t.Helper()
	before := w.failures(t)
	eventually(t, func() error {
		if w.failures(t) <= before {
			return fmt.Errorf("no request fails")
		}
		return nil
	})
}

// newNamespace makes a namespace of the test's own.
func newNamespace(t *testing.T, prefix string) string {
	t.Helper()
	namespace := controlplane.UniqueName(prefix)
	require.NoError(t, shared.Namespace(t.Context(), namespace))
	return namespace
}

func labelled(namespace, name string) *corev1.Pod {
	pod := controlplane.Pod(namespace, name)
	pod.Labels = map[string]string{"app": "falco"}
	return pod
}

// TestWhichPodsAreFalcos takes pods through their lives.
func TestWhichPodsAreFalcos(t *testing.T) {
	ctx := t.Context()
	watched, unwatched := newNamespace(t, "watched"), newNamespace(t, "unwatched")
	k := shared.Kubelet("node-watched")
	w := watchFalcos(t, shared.Kubeconfig(), watched)
	w.await(t) // nobody is a set as well

	// Neither another's pod, nor one elsewhere, nor one that does not run yet.
	_, err := k.CreateRunning(ctx, controlplane.Pod(watched, "bystander"))
	require.NoError(t, err)
	_, err = k.CreateRunning(ctx, labelled(unwatched, "falco-a"))
	require.NoError(t, err)
	b, err := k.Create(ctx, labelled(watched, "falco-b"))
	require.NoError(t, err)
	a, err := k.CreateRunning(ctx, labelled(watched, "falco-a"))
	require.NoError(t, err)
	w.await(t, a)
	b, err = k.Run(ctx, b)
	require.NoError(t, err)
	w.await(t, a, b)

	// One that is terminating is still there; one that has ended is not.
	grace := int64(30)
	pods := shared.Clientset().CoreV1().Pods(watched)
	require.NoError(t, pods.Delete(ctx, "falco-a", metav1.DeleteOptions{GracePeriodSeconds: &grace}))
	_, err = k.Finish(ctx, b, true)
	require.NoError(t, err)
	w.await(t, a)
	require.NoError(t, k.Delete(ctx, a))
	w.await(t)

	// A name that comes again is another Falco, and a label can be taken away.
	again, err := k.CreateRunning(ctx, labelled(watched, "falco-a"))
	require.NoError(t, err)
	require.NotEqual(t, a.UID, again.UID)
	w.await(t, again)
	_, err = pods.Patch(ctx, "falco-a", types.MergePatchType, []byte(`{"metadata":{"labels":{"app":"other"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	w.await(t)
	w.stop()
	require.NoError(t, <-w.done)
}

// TestFalcosStayWhileTheAPIServerIsAway stops it, lets it forget the past, and wants
// the set to be what it was, and then what it is.
func TestFalcosStayWhileTheAPIServerIsAway(t *testing.T) {
	ctx := t.Context()
	namespace := newNamespace(t, "outage")
	k := shared.Kubelet("node-outage")
	stays, err := k.CreateRunning(ctx, labelled(namespace, "falco-stays"))
	require.NoError(t, err)
	goes, err := k.CreateRunning(ctx, labelled(namespace, "falco-goes"))
	require.NoError(t, err)
	w := watchFalcos(t, shared.Kubeconfig(), namespace)
	w.await(t, goes, stays)

	require.NoError(t, shared.StopAPIServer())
	w.awaitFailure(t)
	w.await(t, goes, stays)
	late := watchFalcos(t, shared.Kubeconfig(), namespace)
	late.awaitFailure(t)
	_, known := late.now()
	require.False(t, known, "that nothing is known is not that nobody is there")
	late.stop()
	require.NoError(t, <-late.done, "it ends though the API server is away")
	require.NoError(t, shared.StartAPIServer(ctx))

	// Its watch is too old by the time that it is heard again.
	require.NoError(t, k.Delete(ctx, goes))
	comes, err := k.CreateRunning(ctx, labelled(namespace, "falco-comes"))
	require.NoError(t, err)
	require.NoError(t, shared.Compact(ctx))
	w.await(t, comes, stays)
}

// TestFalcosThatMayNotBeListed waits for the right, and goes on once it is given.
func TestFalcosThatMayNotBeListed(t *testing.T) {
	ctx := t.Context()
	namespace := newNamespace(t, "forbidden")
	pod, err := shared.Kubelet("node-forbidden").CreateRunning(ctx, labelled(namespace, "falco"))
	require.NoError(t, err)
	w := watchFalcos(t, asGate, namespace)
	w.awaitFailure(t)
	_, known := w.now()
	require.False(t, known)
	rbac := shared.Clientset().RbacV1()
	_, err = rbac.Roles(namespace).Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "falcogate"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list", "watch"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = rbac.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "falcogate"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "falcogate"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "falcogate", Name: "falcogate"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.await(t, pod)
}
