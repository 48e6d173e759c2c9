package controlplane

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const containerID = `^containerd://[0-9a-f]{64}$`

func TestANodeJoinsAndLeaves(t *testing.T) {
	ctx := t.Context()
	name := UniqueName("node")
	k, err := shared.JoinNode(ctx, name, map[string]string{"zone": "a"})
	require.NoError(t, err)
	nodes := shared.Clientset().CoreV1().Nodes()
	node, err := nodes.Get(ctx, name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "a", node.Labels["zone"])
	require.Empty(t, node.Spec.Taints)
	require.Equal(t, corev1.ConditionTrue, node.Status.Conditions[0].Status)

	require.NoError(t, k.SetReady(ctx, false))
	node, err = nodes.Get(ctx, name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, corev1.ConditionFalse, node.Status.Conditions[0].Status)

	require.NoError(t, k.Leave(ctx))
	_, err = nodes.Get(ctx, name, metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

// TestThePodsOfAKubelet takes pods through what a kubelet reports of them; each step
// is what the API server then has.
func TestThePodsOfAKubelet(t *testing.T) {
	ctx := t.Context()
	namespace := UniqueName("kubelet")
	require.NoError(t, shared.Namespace(ctx, namespace))
	k, err := shared.JoinNode(ctx, UniqueName("node"), nil)
	require.NoError(t, err)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	k.Now = func() time.Time { return now }
	always := corev1.ContainerRestartPolicyAlways

	t.Run("runs, restarts, is debugged and completes", func(t *testing.T) {
		want := Pod(namespace, "life")
		want.Spec.InitContainers = []corev1.Container{
			{Name: "prepare", Image: image}, {Name: "sidecar", Image: image, RestartPolicy: &always},
		}
		pod, err := k.CreateRunning(ctx, want)
		require.NoError(t, err)
		require.Equal(t, k.Node, pod.Spec.NodeName)
		require.Equal(t, corev1.PodRunning, pod.Status.Phase)
		require.True(t, pod.Status.StartTime.Time.Equal(now))
		require.NotEmpty(t, pod.Status.PodIP)
		ready := conditionOf(pod, corev1.PodReady)
		require.Equal(t, corev1.ConditionTrue, ready.Status)
		require.True(t, ready.LastTransitionTime.Time.Equal(now))
		require.NotNil(t, pod.Status.InitContainerStatuses[0].State.Terminated)
		require.NotNil(t, pod.Status.InitContainerStatuses[1].State.Running)
		first := pod.Status.ContainerStatuses[0]
		require.Regexp(t, containerID, first.ContainerID)
		require.True(t, first.State.Running.StartedAt.Time.Equal(now))

		now = now.Add(time.Minute)
		pod, err = k.Restart(ctx, pod, "main")
		require.NoError(t, err)
		second := pod.Status.ContainerStatuses[0]
		require.NotEqual(t, first.ContainerID, second.ContainerID)
		require.Equal(t, first.ContainerID, second.LastTerminationState.Terminated.ContainerID)
		require.True(t, second.LastTerminationState.Terminated.FinishedAt.Time.Equal(now))
		require.EqualValues(t, 1, second.RestartCount)
		_, err = k.Restart(ctx, pod, "prepare")
		require.ErrorContains(t, err, `no container "prepare" runs in it`)

		pod, err = k.Debug(ctx, pod, "shell")
		require.NoError(t, err)
		require.Regexp(t, containerID, pod.Status.EphemeralContainerStatuses[0].ContainerID)

		now = now.Add(time.Minute)
		pod, err = k.Finish(ctx, pod, true)
		require.NoError(t, err)
		require.Equal(t, corev1.PodSucceeded, pod.Status.Phase)
		for _, statuses := range [][]corev1.ContainerStatus{
			pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses,
		} {
			for _, s := range statuses {
				require.NotNil(t, s.State.Terminated, s.Name)
				require.Equal(t, s.ContainerID, s.State.Terminated.ContainerID, s.Name)
			}
		}
		require.True(t, pod.Status.ContainerStatuses[0].State.Terminated.FinishedAt.Time.Equal(now))
		require.True(t, conditionOf(pod, corev1.PodReady).LastTransitionTime.Time.Equal(now))
	})

	t.Run("waits for a node, is bound, runs and is evicted", func(t *testing.T) {
		pod, err := shared.CreatePod(ctx, Pod(namespace, "bound"))
		require.NoError(t, err)
		require.Empty(t, pod.Spec.NodeName)
		pod, err = k.Bind(ctx, pod)
		require.NoError(t, err)
		require.Equal(t, k.Node, pod.Spec.NodeName)
		pod, err = k.Run(ctx, pod)
		require.NoError(t, err)
		pod, err = k.Evict(ctx, pod)
		require.NoError(t, err)
		require.Equal(t, corev1.PodFailed, pod.Status.Phase)
		require.Equal(t, "Evicted", pod.Status.Reason)
		require.NotNil(t, pod.Status.ContainerStatuses[0].State.Terminated)
	})

	t.Run("a name is used again", func(t *testing.T) {
		first, err := k.CreateRunning(ctx, Pod(namespace, "again"))
		require.NoError(t, err)
		require.NoError(t, k.Delete(ctx, first))
		second, err := k.CreateRunning(ctx, Pod(namespace, "again"))
		require.NoError(t, err)
		require.NotEqual(t, first.UID, second.UID)
		require.True(t, apierrors.IsConflict(k.Delete(ctx, first)), "the first is gone, the second is not it")
		_, err = k.Run(ctx, first)
		require.ErrorContains(t, err, "belongs to another pod now")
	})

	t.Run("a static pod", func(t *testing.T) {
		mirror, err := k.Mirror(ctx, Pod(namespace, "static"))
		require.NoError(t, err)
		require.Equal(t, "static-"+k.Node, mirror.Name)
		require.NotEmpty(t, mirror.Annotations[corev1.MirrorPodAnnotationKey])
		require.Equal(t, "Node", mirror.OwnerReferences[0].Kind)
		mirror, err = k.Run(ctx, mirror)
		require.NoError(t, err)
		require.Regexp(t, containerID, mirror.Status.ContainerStatuses[0].ContainerID)
	})
}

func conditionOf(pod *corev1.Pod, condition corev1.PodConditionType) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == condition {
			return c
		}
	}
	return corev1.PodCondition{}
}
