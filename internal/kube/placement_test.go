package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/correlate"
)

// atMinute is a time of day of the tests.
func atMinute(minute int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 11, 23, 6, minute, 0, 0, time.UTC))
}

func running(id string, since int) corev1.ContainerStatus {
	return corev1.ContainerStatus{ContainerID: "containerd://" + id, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: atMinute(since)}}}
}

func terminated(id string, from, to int) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ContainerID: "containerd://" + id, StartedAt: atMinute(from), FinishedAt: atMinute(to)}}
}

// podOn is a pod on node-a that was scheduled at minute 2.
func podOn(change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{UID: "1", Namespace: "shop", Name: "web", CreationTimestamp: atMinute(1), ResourceVersion: "7"},
		Spec:       corev1.PodSpec{NodeName: "node-a"},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: atMinute(2)}},
		},
	}
	change(pod)
	return pod
}

func TestPlacementOf(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	at := func(minute int) time.Time { return atMinute(minute).UTC() }
	start := func(minute int) *metav1.Time { c := atMinute(minute); return &c }
	for _, tt := range []struct {
		name   string
		change func(*corev1.Pod)
		want   func(*correlate.Placement)
	}{
		{"not started", func(*corev1.Pod) {}, func(*correlate.Placement) {}},
		{"labels are sorted", func(p *corev1.Pod) { p.Labels = map[string]string{"b": "2", "a": "1"} }, func(w *correlate.Placement) {
			w.Labels = correlate.Fields{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}
		}},
		{"runs", func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{running("aa", 5), running("bb", 4)}
		}, func(w *correlate.Placement) { w.Started, w.Containers = at(4), []string{"aa", "bb"} }},
		{"an init container is not the pod's start", func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{running("aa", 3)}
		}, func(w *correlate.Placement) { w.Containers = []string{"aa"} }},
		{"an ephemeral one neither", func(p *corev1.Pod) {
			p.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{running("aa", 3)}
		}, func(w *correlate.Placement) { w.Containers = []string{"aa"} }},
		{"restarted", func(p *corev1.Pod) {
			again := running("bb", 6)
			again.LastTerminationState = terminated("aa", 3, 5)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{again}
		}, func(w *correlate.Placement) { w.Started, w.Containers = at(3), []string{"bb", "aa"} }},
		{"a runtime without a prefix", func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{ContainerID: "aa"}}
		}, func(w *correlate.Placement) { w.Containers = []string{"aa"} }},
		{"succeeded", func(p *corev1.Pod) {
			p.Status.Phase = corev1.PodSucceeded
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{ContainerID: "containerd://aa", State: terminated("aa", 3, 8)}, {State: terminated("bb", 3, 9)}}
		}, func(w *correlate.Placement) {
			w.Started, w.Containers, w.Gone, w.Finished = at(3), []string{"aa", "bb"}, true, at(9)
		}},
		{"failed while a container was not seen to end", func(p *corev1.Pod) {
			p.Status.Phase, p.Spec.TerminationGracePeriodSeconds = corev1.PodFailed, seconds(90)
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: terminated("aa", 3, 8)}, running("bb", 3)}
		}, func(w *correlate.Placement) {
			w.Started, w.Containers, w.Gone, w.Linger = at(3), []string{"aa", "bb"}, true, 90*time.Second
		}},
		{"never ran, and evicted", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, func(w *correlate.Placement) { w.Gone = true }},
		{"a static pod has a start alone", func(p *corev1.Pod) {
			p.Status.Conditions, p.Status.StartTime = nil, start(0)
		}, func(w *correlate.Placement) { w.Scheduled = at(0) }},
		{"started before it was scheduled", func(p *corev1.Pod) { p.Status.StartTime = start(1) }, func(w *correlate.Placement) { w.Scheduled = at(1) }},
		{"not scheduled", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }, func(w *correlate.Placement) { w.Scheduled = time.Time{} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := &correlate.Placement{UID: "1", Namespace: "shop", Pod: "web", Node: "node-a", Created: at(1), Scheduled: at(2)}
			tt.want(want)
			got := placementOf(podOn(tt.change), nil)
			if len(got.Containers) == 0 {
				got.Containers = nil
			}
			require.Equal(t, want, got)
			require.Equal(t, placementOf(podOn(tt.change), nil), placementOf(slim(podOn(tt.change)), nil), "of a slim pod too")
			require.True(t, samePlacement(want, got))
		})
	}
}

func TestWorkloadOf(t *testing.T) {
	for _, tt := range []struct {
		name       string
		controller correlate.Owner
		labels     map[string]string
		want       correlate.Owner
	}{
		{"a Deployment's", correlate.Owner{Kind: "ReplicaSet", Name: "web-7d4b9c6f5d"}, map[string]string{"pod-template-hash": "7d4b9c6f5d"}, correlate.Owner{Kind: "Deployment", Name: "web"}},
		{"a Rollout's", correlate.Owner{Kind: "ReplicaSet", Name: "web-7d4b9c6f5d"}, map[string]string{"rollouts-pod-template-hash": "7d4b9c6f5d"}, correlate.Owner{Kind: "Rollout", Name: "web"}},
		{"a ReplicaSet of its own", correlate.Owner{Kind: "ReplicaSet", Name: "web"}, nil, correlate.Owner{Kind: "ReplicaSet", Name: "web"}},
		{"another hash", correlate.Owner{Kind: "ReplicaSet", Name: "web-1"}, map[string]string{"pod-template-hash": "2"}, correlate.Owner{Kind: "ReplicaSet", Name: "web-1"}},
		{"no name is left", correlate.Owner{Kind: "ReplicaSet", Name: "-1"}, map[string]string{"pod-template-hash": "1"}, correlate.Owner{Kind: "ReplicaSet", Name: "-1"}},
		{"a CronJob's", correlate.Owner{Kind: "Job", Name: "backup-29381760"}, nil, correlate.Owner{Kind: "CronJob", Name: "backup"}},
		{"a Job of its own", correlate.Owner{Kind: "Job", Name: "migrate-12"}, nil, correlate.Owner{Kind: "Job", Name: "migrate-12"}},
		{"a StatefulSet's", correlate.Owner{Kind: "StatefulSet", Name: "db"}, map[string]string{"pod-template-hash": "1"}, correlate.Owner{Kind: "StatefulSet", Name: "db"}},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, workloadOf(tt.controller, tt.labels)) })
	}
}

// What the API has forgotten of a pod is kept, and not without bound.
func TestContainersAreRemembered(t *testing.T) {
	var p *correlate.Placement
	for n := range 2 * keptContainers {
		p = placementOf(podOn(func(pod *corev1.Pod) {
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{running(string(rune('A'+n)), n)}
		}), p)
		require.Equal(t, atMinute(0).UTC(), p.Started)
		require.Len(t, p.Containers, min(n+1, keptContainers))
	}
	require.Equal(t, string(rune('A'+2*keptContainers-1)), p.Containers[keptContainers-1])
}
