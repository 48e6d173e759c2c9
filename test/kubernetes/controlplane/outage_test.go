package controlplane

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
)

func TestAStoppedAPIServerKeepsItsData(t *testing.T) {
	ctx := t.Context()
	kept := UniqueName("kept")
	require.NoError(t, shared.Namespace(ctx, kept))
	before, err := shared.Clientset().CoreV1().Namespaces().Get(ctx, kept, metav1.GetOptions{})
	require.NoError(t, err)
	open, err := shared.Clientset().CoreV1().Namespaces().Watch(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	defer open.Stop()

	require.NoError(t, shared.StopAPIServer())
	_, err = shared.Clientset().CoreV1().Namespaces().Get(ctx, kept, metav1.GetOptions{})
	require.True(t, utilnet.IsConnectionRefused(err), "%v", err)
	for range open.ResultChan() { // it ends
	}
	require.NoError(t, shared.StopAPIServer(), "it stays stopped")

	require.NoError(t, shared.StartAPIServer(ctx))
	after, err := shared.Clientset().CoreV1().Namespaces().Get(ctx, kept, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, before.UID, after.UID)
	require.ErrorContains(t, shared.StartAPIServer(ctx), "already runs")
}

func TestAPausedAPIServerAnswersNothing(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, shared.PauseAPIServer(ctx))
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err := shared.Clientset().CoreV1().Namespaces().Get(short, "default", metav1.GetOptions{})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, shared.ResumeAPIServer(ctx))
	_, err = shared.Clientset().CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{})
	require.NoError(t, err)
}

// TestAWatchOlderThanACompactionExpires shows both ways to such a watch: of events,
// which the API server reads from etcd, and of pods, which it has in memory until a
// restart.
func TestAWatchOlderThanACompactionExpires(t *testing.T) {
	ctx := t.Context()
	namespace := UniqueName("compacted")
	require.NoError(t, shared.Namespace(ctx, namespace))
	pods, events := shared.Clientset().CoreV1().Pods(namespace), shared.Clientset().CoreV1().Events(namespace)
	old, err := pods.List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	created, err := shared.Kubelet(UniqueName("node")).Create(ctx, Pod(namespace, "pod"))
	require.NoError(t, err)
	_, err = events.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "event"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: "pod", UID: created.UID},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	requireFirst(t, events.Watch, old.ResourceVersion, watch.Added)
	requireFirst(t, pods.Watch, old.ResourceVersion, watch.Added)
	require.NoError(t, shared.Compact(ctx))
	requireFirst(t, events.Watch, old.ResourceVersion, watch.Error)
	requireFirst(t, pods.Watch, old.ResourceVersion, watch.Added)
	require.NoError(t, shared.StopAPIServer())
	require.NoError(t, shared.StartAPIServer(ctx))
	requireFirst(t, pods.Watch, old.ResourceVersion, watch.Error)
}

// requireFirst watches from a resource version, and wants the first event to be of a
// type; an error must be that the version has expired.
func requireFirst(t *testing.T, open func(context.Context, metav1.ListOptions) (watch.Interface, error), version string, want watch.EventType) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := open(ctx, metav1.ListOptions{ResourceVersion: version})
	if want == watch.Error && err != nil {
		require.True(t, apierrors.IsResourceExpired(err), "%v", err)
		return
	}
	require.NoError(t, err)
	defer w.Stop()
	first, ok := <-w.ResultChan()
	require.True(t, ok, "the watch ended without an event")
	require.Equal(t, want, first.Type, "%v", first.Object)
	if want == watch.Error {
		err := apierrors.FromObject(first.Object)
		require.True(t, apierrors.IsResourceExpired(err) || apierrors.IsGone(err), "%v", err)
	}
}
