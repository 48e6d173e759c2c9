package netns

import (
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

var shared *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(RunTests(m, []string{"10.201.0.0/16"}, func() int {
		return controlplane.RunTests(m, controlplane.Options{Address: "10.201.0.1"}, func(c *controlplane.ControlPlane) { shared = c })
	}))
}

// TestAPodHasAnAddressThatServes gives a pod an address of the namespace, listens on
// it, and connects to where an EndpointSlice says that the pod is.
func TestAPodHasAnAddressThatServes(t *testing.T) {
	ctx := t.Context()
	const address = "10.201.7.7"
	k, err := shared.JoinNode(ctx, "node", nil)
	require.NoError(t, err)
	k.PodIP = func(*corev1.Pod) string { return address }
	pod, err := k.CreateRunning(ctx, controlplane.Pod("default", "falco"))
	require.NoError(t, err)
	require.Equal(t, address, pod.Status.PodIP)
	listener, err := net.Listen("tcp", address+":5060")
	require.NoError(t, err)
	defer listener.Close()

	slice, err := shared.Clientset().DiscoveryV1().EndpointSlices("default").Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "falco"}, AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{pod.Status.PodIP}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", slice.Endpoints[0].Addresses[0]+":5060")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestNothingElseIsReached(t *testing.T) {
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		require.True(t, a.(*net.IPNet).IP.IsLoopback(), "%s", a)
	}
}
