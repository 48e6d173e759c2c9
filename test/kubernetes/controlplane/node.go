package controlplane

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// Kubelet reports a node and its pods to the API server as the node's kubelet
// would. Nothing runs, and it does nothing by itself. Its methods may be called
// concurrently.
type Kubelet struct {
	// Node is the node's name.
	Node string
	// Now is the clock by which it reports. The API has whole seconds.
	Now func() time.Time
	// PodIP is the address of a pod that begins to run. It may be replaced, like Now,
	// before the first use.
	PodIP func(*corev1.Pod) string

	api *kubernetes.Clientset
}

// Kubelet acts for a node, which need not exist.
func (c *ControlPlane) Kubelet(node string) *Kubelet {
	return &Kubelet{Node: node, Now: time.Now, PodIP: randomPodIP, api: c.clientset}
}

// JoinNode makes a node that is ready, and returns its kubelet. The labels may be
// nil. Nothing renews the node's Lease: controllers call it lost after
// Options.NodeGrace, which may be hours.
func (c *ControlPlane) JoinNode(ctx context.Context, name string, labels map[string]string) (*Kubelet, error) {
	k := c.Kubelet(name)
	all := map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux"}
	maps.Copy(all, labels)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all}}
	if _, err := k.api.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("node %q: %w", name, err)
	}
	return k, k.SetReady(ctx, true)
}

// randomPodIP is some address of the pod network.
func randomPodIP(*corev1.Pod) string {
	return fmt.Sprintf("10.244.%d.%d", rand.N(256), 1+rand.N(254))
}

// SetReady reports the node's Ready condition. The taint that the API server gives
// to a new node goes with the first that is true, as the node controller would do.
func (k *Kubelet) SetReady(ctx context.Context, ready bool) error {
	now := metav1.NewTime(k.Now())
	condition := corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady",
		Message: "container runtime is down", LastHeartbeatTime: now, LastTransitionTime: now,
	}
	if ready {
		condition.Status, condition.Reason, condition.Message = corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"
	}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("10000"),
	}
	nodes := k.api.CoreV1().Nodes()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node, err := nodes.Get(ctx, k.Node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if ready && len(node.Spec.Taints) > 0 {
			node.Spec.Taints = nil
			if node, err = nodes.Update(ctx, node, metav1.UpdateOptions{}); err != nil {
				return err
			}
		}
		node.Status.Capacity, node.Status.Allocatable = capacity, capacity
		node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: k.Node}}
		node.Status.Conditions = []corev1.NodeCondition{condition}
		_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("status of node %q: %w", k.Node, err)
	}
	return nil
}

// Leave deletes the node. Its pods stay, as without controllers nobody collects
// them.
func (k *Kubelet) Leave(ctx context.Context) error {
	if err := k.api.CoreV1().Nodes().Delete(ctx, k.Node, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("node %q: %w", k.Node, err)
	}
	return nil
}
