package kube

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/falcogate/falcogate/correlate"
)

// bigPod is the n-th pod of a large cluster, as it comes from the API: 25 replicas of a
// workload, with ten labels, two containers and an owner.
func bigPod(n int) *corev1.Pod {
	workload := fmt.Sprintf("workload-%d", n/25)
	hash := fmt.Sprintf("%010x", n/25)
	controller := true
	now := metav1.NewTime(time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: fmt.Sprintf("team-%d", n/500), Name: fmt.Sprintf("%s-%s-%05x", workload, hash, n), ResourceVersion: fmt.Sprint(n + 1),
			UID: types.UID(fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n)), CreationTimestamp: now,
			Labels: map[string]string{
				"app": workload, "app.kubernetes.io/name": workload, "app.kubernetes.io/instance": workload + "-production",
				"app.kubernetes.io/version": "v1.27.3", "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/part-of": "shop",
				"pod-template-hash": hash, "team": fmt.Sprintf("team-%d", n/500), "helm.sh/chart": workload + "-4.2.1", "tier": "backend",
			},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: workload + "-" + hash, Controller: &controller}},
		},
		Spec: corev1.PodSpec{NodeName: fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", n%1000/250, n%250)},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, StartTime: &now,
			Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now}},
		},
	}
	for c := range 2 {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			ContainerID: "containerd://" + strings.Repeat(fmt.Sprintf("%08x", n*2+c), 8),
			State:       corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	// As it comes off the wire every string is one of its own.
	wire, err := pod.Marshal()
	if err != nil {
		panic(err)
	}
	decoded := &corev1.Pod{}
	if err := decoded.Unmarshal(wire); err != nil {
		panic(err)
	}
	return decoded
}

// Fifty thousand pods, in the watch's store and in the core of the same process, take
// at most 100 MB.
func TestManyPodsAreSmall(t *testing.T) {
	const pods, most = 50_000, 100 << 20
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	store := newPodStore(func(node string) string { return node })
	for n := range pods {
		require.NoError(t, store.Add(bigPod(n)))
		if n%1000 == 0 {
			store.take()
		}
	}
	stored := store.all(true)
	store.take()
	kept := heap() - before
	state := correlate.NewState(correlate.Limits{}, 0)
	for n, p := range stored.pods {
		told := *p
		told.Told = correlate.Told{Watcher: "size", Session: 1, Number: uint64(n + 1)}
		told.Pod, told.Namespace = strings.Clone(told.Pod), strings.Clone(told.Namespace) // as a record is decoded
		require.NoError(t, state.Apply(&correlate.Record{Position: uint64(n + 1), Logged: time.Unix(1e9, 0), Body: &told}))
	}
	clear(stored.pods)
	stored.pods = nil
	core := heap() - before - kept
	t.Logf("%d pods: %d MB in the watch's store, %d MB in the core", pods, kept>>20, core>>20)
	require.Equal(t, pods, state.PlacementStats().Pods)
	require.Equal(t, pods, store.Len())
	require.Less(t, kept+core, uint64(most))
	runtime.KeepAlive(store)
	runtime.KeepAlive(state)
}
