package placements

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// place is a namespace and nodes of its own.
func place(t *testing.T, namespace string, nodes ...string) []*controlplane.Kubelet {
	t.Helper()
	require.NoError(t, cluster.Namespace(t.Context(), namespace))
	var kubelets []*controlplane.Kubelet
	for _, node := range nodes {
		k, err := cluster.JoinNode(t.Context(), node, nil)
		require.NoError(t, err)
		kubelets = append(kubelets, k)
	}
	return kubelets
}

func run(t *testing.T, k *controlplane.Kubelet, namespace, name string) *corev1.Pod {
	t.Helper()
	pod, err := k.CreateRunning(t.Context(), controlplane.Pod(namespace, name))
	require.NoError(t, err)
	return pod
}

// short is a container's id as Falco tells it.
func short(status corev1.ContainerStatus) string {
	_, id, _ := strings.Cut(status.ContainerID, "://")
	return id[:12]
}

func TestWherePodsRan(t *testing.T) {
	k := place(t, "where", "where-a", "where-b", "where-c")
	before := run(t, k[0], "where", "before")
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{})
	began := log.known(t)

	second := run(t, k[1], "where", "second")
	pending, err := k[2].Create(t.Context(), controlplane.Pod("where", "pending"))
	require.NoError(t, err)
	now := log.known(t)
	placed := log.placed(correlate.PodScope{Namespace: "where"}, began, now)
	require.Empty(t, placed.Unknown)
	require.Equal(t, []string{"where-a", "where-b", "where-c"}, placed.Sensors, "a pod that has not started may do so")
	// The API has whole seconds: only then have they certainly run.
	require.Equal(t, 2, log.placed(correlate.PodScope{Namespace: "where"}, began, now.Add(2*time.Second)).Ran)

	// A pod that ends is not needed behind its end, one that fails neither.
	_, err = k[0].Finish(t.Context(), before, true)
	require.NoError(t, err)
	_, err = k[1].Evict(t.Context(), second)
	require.NoError(t, err)
	require.NoError(t, k[2].Delete(t.Context(), pending))
	ended := log.known(t)
	log.known(t)
	after := log.placed(correlate.PodScope{Namespace: "where"}, ended.Add(3*time.Second), ended.Add(4*time.Second))
	require.Empty(t, after.Sensors)
	require.Zero(t, after.Ran)
	require.Equal(t, []string{"where-a", "where-b", "where-c"}, log.placed(correlate.PodScope{Namespace: "where"}, began, ended).Sensors)
	require.Zero(t, log.placed(correlate.PodScope{Namespace: "no-such"}, began, ended).Ran)
}

func TestContainersOfAllKinds(t *testing.T) {
	k := place(t, "kinds", "kinds-a")[0]
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{})
	pod := controlplane.Pod("kinds", "web")
	pod.Spec.InitContainers = []corev1.Container{{Name: "prepare", Image: "registry.k8s.io/pause:3.10"}}
	created, err := k.CreateRunning(t.Context(), pod)
	require.NoError(t, err)
	first := short(created.Status.ContainerStatuses[0])
	created, err = k.Restart(t.Context(), created, "main")
	require.NoError(t, err)
	created, err = k.Debug(t.Context(), created, "shell")
	require.NoError(t, err)
	mirror, err := k.Mirror(t.Context(), controlplane.Pod("kinds", "static"))
	require.NoError(t, err)
	mirror, err = k.Run(t.Context(), mirror)
	require.NoError(t, err)

	// Half of the alerts come before what tells whose they are, half behind it.
	ids := []string{
		first, short(created.Status.ContainerStatuses[0]), short(created.Status.InitContainerStatuses[0]),
		short(created.Status.EphemeralContainerStatuses[0]),
	}
	for _, id := range ids {
		log.alert(t, "kinds-a", id)
	}
	log.alert(t, "kinds-a", short(mirror.Status.ContainerStatuses[0]))
	log.alert(t, "kinds-b", first) // of another node
	log.known(t)
	for _, id := range ids {
		log.alert(t, "kinds-a", id)
	}
	require.EqualValues(t, 2*len(ids), log.alerts(t, "kinds", "web"))
	require.EqualValues(t, 1, log.alerts(t, "kinds", "static-*"))
	log.await(t, "the alert of another node stays", func(s *correlate.State) bool { return s.Index().Stats().Unattributed == 1 })
}

// A name that is used again is another pod.
func TestRescheduled(t *testing.T) {
	k := place(t, "again", "again-a", "again-b")
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{})
	pod := run(t, k[0], "again", "db-0")
	_, err := k[0].Finish(t.Context(), pod, true)
	require.NoError(t, err)
	require.NoError(t, k[0].Delete(t.Context(), pod))
	ended := log.known(t)
	run(t, k[1], "again", "db-0")
	now := log.known(t)
	log.known(t)
	require.Equal(t, []string{"again-b"}, log.placed(correlate.PodScope{Namespace: "again"}, ended.Add(3*time.Second), now.Add(3*time.Second)).Sensors)
}

// A node that is lost takes its pods with it: they are deleted while their containers
// may still run, so they count for the grace period.
func TestNodeLost(t *testing.T) {
	k := place(t, "lost", "lost-a")[0]
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{})
	pod := run(t, k, "lost", "web")
	require.NoError(t, k.Leave(t.Context()))
	require.NoError(t, k.Delete(t.Context(), pod))
	at := log.known(t)
	require.Equal(t, []string{"lost-a"}, log.placed(correlate.PodScope{Namespace: "lost"}, at.Add(20*time.Second), at.Add(21*time.Second)).Sensors)
	require.Empty(t, log.placed(correlate.PodScope{Namespace: "lost"}, at.Add(40*time.Second), at.Add(41*time.Second)).Sensors)
}

func TestHostnamesOfNodes(t *testing.T) {
	k := place(t, "names", "names-a", "names-b")
	labelled, err := cluster.JoinNode(t.Context(), "names-c", map[string]string{"example.com/falco": "falco-c"})
	require.NoError(t, err)
	for _, kubelet := range append(k, labelled) {
		run(t, kubelet, "names", "web-"+kubelet.Node)
	}
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{Hostnames: map[string]string{"names-a": "falco-a"}, HostnameLabel: "example.com/falco"})
	began := log.known(t)
	log.await(t, "the node's label is known", func(s *correlate.State) bool {
		sensors := s.Placed(correlate.PodScope{Namespace: "names"}, correlate.Window{Start: began, End: began.Add(1)}, 0).Sensors
		return len(sensors) == 3 && sensors[0] == "falco-a" && sensors[1] == "falco-c" && sensors[2] == "names-b"
	})
}
