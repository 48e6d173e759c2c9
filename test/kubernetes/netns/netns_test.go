package netns

import (
	"context"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

var shared *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(RunTests(m, []string{"10.201.0.0/16"}, func() int {
		o := controlplane.Options{Address: "10.201.0.1", Controllers: true, NodeGrace: time.Hour}
		return controlplane.RunTests(m, o, func(c *controlplane.ControlPlane) { shared = c })
	}))
}

// TestAPodHasAnAddressThatServes gives a pod an address of the namespace, listens on
// it, and connects to where the EndpointSlice of its Service says that it is.
func TestAPodHasAnAddressThatServes(t *testing.T) {
	ctx := t.Context()
	const address = "10.201.7.7"
	listener, err := net.Listen("tcp", address+":0")
	require.NoError(t, err)
	defer listener.Close()
	port := int32(listener.Addr().(*net.TCPAddr).Port)

	namespace := controlplane.UniqueName("falco")
	require.NoError(t, shared.Namespace(ctx, namespace))
	labels := map[string]string{"app": "falco"}
	_, err = shared.Clientset().CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "falco"},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: labels, Ports: []corev1.ServicePort{{Port: port}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	k, err := shared.JoinNode(ctx, controlplane.UniqueName("node"), nil)
	require.NoError(t, err)
	k.PodIP = func(*corev1.Pod) string { return address }
	pod := controlplane.Pod(namespace, "falco")
	pod.Labels = labels
	pod, err = k.CreateRunning(ctx, pod)
	require.NoError(t, err)
	require.Equal(t, address, pod.Status.PodIP)

	endpoint := waitForEndpoint(t, namespace)
	require.Equal(t, k.Node, *endpoint.NodeName)
	require.Equal(t, pod.UID, endpoint.TargetRef.UID)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(int(port))))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// waitForEndpoint returns the first endpoint that is ready in a namespace.
func waitForEndpoint(t *testing.T, namespace string) discoveryv1.Endpoint {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	slices, err := shared.Clientset().DiscoveryV1().EndpointSlices(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: "0"})
	require.NoError(t, err)
	defer slices.Stop()
	for event := range slices.ResultChan() {
		slice, ok := event.Object.(*discoveryv1.EndpointSlice)
		require.True(t, ok, "%v", event.Object)
		for _, endpoint := range slice.Endpoints {
			if *endpoint.Conditions.Ready {
				return endpoint
			}
		}
	}
	t.Fatal("the watch ended without a ready endpoint")
	return discoveryv1.Endpoint{}
}

func TestNothingElseIsReached(t *testing.T) {
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		require.True(t, a.(*net.IPNet).IP.IsLoopback(), "%s", a)
	}
}
