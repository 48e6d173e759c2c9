package controlplane

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
)

// TestADeploymentRunsOnKWOKNodes has all programs at work: the controllers make the
// pods, the scheduler spreads them, KWOK runs them, and finds one node lost.
func TestADeploymentRunsOnKWOKNodes(t *testing.T) {
	ctx := t.Context()
	c := StartTest(t, Options{Controllers: true, KWOK: true, NodeGrace: 10 * time.Second})
	nodes := []string{"kwok-1", "kwok-2", "kwok-3"}
	for _, node := range nodes {
		require.NoError(t, c.JoinKWOKNode(ctx, node, nil))
	}
	require.NoError(t, c.Namespace(ctx, "shadow"))
	labels := map[string]string{"app": "web"}
	replicas := int32(len(nodes))
	deployments := c.Clientset().AppsV1().Deployments("shadow")
	_, err := deployments.Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					InitContainers: []corev1.Container{{Name: "init", Image: image}},
					Containers:     []corev1.Container{{Name: "web", Image: image}, {Name: "log", Image: image}},
					TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
						MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.DoNotSchedule,
						LabelSelector: &metav1.LabelSelector{MatchLabels: labels},
					}},
				},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	running := make(map[string]*corev1.Pod) // by node
	follow(t, podsOf(c, "shadow"), &corev1.Pod{}, func(_ watch.EventType, pod *corev1.Pod) bool {
		if pod.Status.Phase == corev1.PodRunning {
			running[pod.Spec.NodeName] = pod
		}
		return len(running) == len(nodes)
	})
	seen := make(map[string]bool) // container ids and addresses
	for _, node := range nodes {
		pod := running[node]
		require.NotNil(t, pod, node)
		require.NotEmpty(t, pod.Labels["pod-template-hash"])
		require.Len(t, pod.OwnerReferences, 1)
		require.Equal(t, "ReplicaSet", pod.OwnerReferences[0].Kind)
		require.Equal(t, "web-"+pod.Labels["pod-template-hash"], pod.OwnerReferences[0].Name)
		require.False(t, pod.Status.StartTime.IsZero())
		require.Equal(t, corev1.ConditionTrue, conditionOf(pod, corev1.PodReady).Status)
		require.NotNil(t, pod.Status.InitContainerStatuses[0].State.Terminated)
		require.Len(t, pod.Status.ContainerStatuses, 2)
		ids := []string{pod.Status.PodIP, pod.Status.InitContainerStatuses[0].ContainerID}
		for _, s := range pod.Status.ContainerStatuses {
			require.False(t, s.State.Running.StartedAt.IsZero())
			ids = append(ids, s.ContainerID)
		}
		for i, id := range ids {
			require.False(t, seen[id], "%s is there twice", id)
			seen[id] = true
			if i > 0 {
				require.Regexp(t, containerID, id)
			}
		}
	}

	_, err = c.Clientset().BatchV1().Jobs("shadow").Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "migrate"},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "main", Image: image}},
		}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	follow(t, podsOf(c, "shadow"), &corev1.Pod{}, func(_ watch.EventType, pod *corev1.Pod) bool {
		if pod.Status.Phase != corev1.PodSucceeded {
			return false
		}
		require.Equal(t, "Job", pod.OwnerReferences[0].Kind)
		require.Regexp(t, containerID, pod.Status.ContainerStatuses[0].State.Terminated.ContainerID)
		return true
	})

	require.NoError(t, c.LoseKWOKNode(ctx, "kwok-2"))
	follow(t, nodesOf(c), &corev1.Node{}, func(_ watch.EventType, node *corev1.Node) bool {
		lost := !isReady(node) && len(node.Status.Conditions) > 0
		require.False(t, lost && node.Name != "kwok-2", "%s is lost, too", node.Name)
		return lost
	})

	require.NoError(t, deployments.Delete(ctx, "web", metav1.DeleteOptions{}))
	gone := make(map[string]bool)
	follow(t, podsOf(c, "shadow"), &corev1.Pod{}, func(event watch.EventType, pod *corev1.Pod) bool {
		if event == watch.Deleted {
			require.NotEqual(t, "kwok-2", pod.Spec.NodeName, "who should have deleted it?")
			for _, s := range pod.Status.ContainerStatuses {
				require.NotNil(t, s.State.Terminated, s.Name)
				require.Equal(t, s.ContainerID, s.State.Terminated.ContainerID)
			}
			gone[pod.Spec.NodeName] = true
		}
		return len(gone) == len(nodes)-1
	})
}

func podsOf(c *ControlPlane, namespace string) cache.ListerWatcher {
	return cache.NewListWatchFromClient(c.Clientset().CoreV1().RESTClient(), "pods", namespace, fields.Everything())
}

func nodesOf(c *ControlPlane) cache.ListerWatcher {
	return cache.NewListWatchFromClient(c.Clientset().CoreV1().RESTClient(), "nodes", "", fields.Everything())
}

// follow hands all that is there, and then each change, to seen until that returns
// true.
func follow[T runtime.Object](t *testing.T, source cache.ListerWatcher, object T, seen func(watch.EventType, T) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := toolswatch.UntilWithSync(ctx, source, object, nil, func(event watch.Event) (bool, error) {
		return seen(event.Type, event.Object.(T)), nil
	})
	require.NoError(t, err)
}
