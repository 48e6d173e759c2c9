package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// versioned is a pod of a uid at a version.
func versioned(uid, version string, change func(*corev1.Pod)) *corev1.Pod {
	return podOn(func(p *corev1.Pod) {
		p.UID, p.ResourceVersion, p.Name = types.UID(uid), version, "web-"+uid
		change(p)
	})
}

func asIs(*corev1.Pod) {}

func label(value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Labels = map[string]string{"app": value} }
}

func TestPodStore(t *testing.T) {
	hostnames := map[string]string{"node-a": "falco-a"}
	s := newPodStore(func(node string) string { return hostnames[node] })
	require.NoError(t, s.Replace([]any{versioned("1", "3", label("x")), versioned("2", "4", label("x")), versioned("3", "5", func(p *corev1.Pod) { p.Spec.NodeName = "" })}, "10"))
	changes := s.take()
	require.Equal(t, 1, changes.lists)
	require.EqualValues(t, 10, changes.version)
	require.Empty(t, changes.pods, "a list is told as a whole")
	require.Equal(t, 2, s.Len(), "a pod without a node runs nowhere")
	require.Len(t, s.labels, 1)
	require.Same(t, &s.pods["1"].Labels[0], &s.pods["2"].Labels[0])

	// Nothing that is told has changed.
	require.NoError(t, s.Update(versioned("1", "11", func(p *corev1.Pod) { label("x")(p); p.Status.Message = "so what" })))
	changes = s.take()
	require.EqualValues(t, 11, changes.version)
	require.Empty(t, changes.pods)
	require.NoError(t, s.Bookmark("12"))
	require.EqualValues(t, 12, s.take().version)
	select {
	case <-changes.moved:
	default:
		t.Fatal("who waits was not told")
	}

	require.NoError(t, s.Update(versioned("1", "13", label("y"))))
	require.NoError(t, s.Add(versioned("3", "14", label("x"))))
	changes = s.take()
	require.Equal(t, []string{"web-1", "web-3"}, []string{changes.pods[0].Pod, changes.pods[1].Pod})
	require.Equal(t, "falco-a", changes.pods[0].Hostname)
	require.Len(t, s.labels, 2)

	hostnames["node-a"] = "falco-b"
	s.remap("node-a")
	s.remap("node-b")
	changes = s.take()
	require.Len(t, changes.pods, 3)
	require.Equal(t, "falco-b", changes.pods[0].Hostname)

	// A pod that is deleted is told as gone, for the grace period when nothing said that
	// its containers have ended.
	require.NoError(t, s.Delete(versioned("1", "15", func(p *corev1.Pod) {
		label("y")(p)
		p.Status.ContainerStatuses = []corev1.ContainerStatus{running("aa", 3)}
	})))
	changes = s.take()
	require.Len(t, changes.pods, 2, "as it was last, and gone")
	require.True(t, changes.pods[1].Gone)
	require.Equal(t, defaultGrace, changes.pods[1].Linger)
	require.Len(t, s.labels, 1)
	require.NoError(t, s.Delete(versioned("9", "16", func(p *corev1.Pod) { p.Spec.NodeName = "" })))
	require.Empty(t, s.take().pods)

	// A list of all has those that run, and what went since.
	require.NoError(t, s.Update(versioned("2", "17", func(p *corev1.Pod) { label("x")(p); p.Status.Phase = corev1.PodSucceeded })))
	s.take()
	require.NoError(t, s.Delete(versioned("3", "18", label("x"))))
	all := s.all(false)
	require.Len(t, all.pods, 1)
	require.True(t, all.pods[0].Gone)
	require.Len(t, s.all(true).pods, 1, "the one that has ended and is still there")

	require.NoError(t, s.Replace(nil, "2"))
	changes = s.take()
	require.Equal(t, 2, changes.lists)
	require.EqualValues(t, 2, changes.version, "an earlier one")
	require.Zero(t, s.Len())
	require.Empty(t, s.labels)
	require.NoError(t, s.Resync())
}

func TestPodStoreRefuses(t *testing.T) {
	s := newPodStore(func(node string) string { return node })
	for name, err := range map[string]error{
		"another object": s.Add(&corev1.Node{}), "a version that is no number": s.Update(versioned("1", "x", asIs)),
		"a deleted object": s.Delete(&metav1.Status{}), "a list's object": s.Replace([]any{&corev1.Node{}}, "1"),
		"a list's version": s.Replace(nil, ""), "a bookmark": s.Bookmark("-1"),
	} {
		require.Error(t, err, name)
	}
	require.Zero(t, s.Len())
}
