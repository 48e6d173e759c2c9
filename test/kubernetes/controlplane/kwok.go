package controlplane

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// The label of the nodes that KWOK is the kubelet of.
const (
	kwokLabel      = "kwok.x-k8s.io/node"
	kwokLabelValue = "fake"
)

//go:embed stages.yaml
var stages []byte

func (c *ControlPlane) writeStages() (string, error) {
	path := filepath.Join(c.dir, "kwok-stages.yaml")
	return path, os.WriteFile(path, stages, 0o600)
}

// JoinKWOKNode makes a node whose kubelet is KWOK, and waits until it is ready and,
// with controllers, takes pods. The labels may be nil.
func (c *ControlPlane) JoinKWOKNode(ctx context.Context, name string, labels map[string]string) error {
	all := map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux", kwokLabel: kwokLabelValue}
	maps.Copy(all, labels)
	nodes := c.clientset.CoreV1().Nodes()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all}}
	if _, err := nodes.Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("node %q: %w", name, err)
	}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		node, err := nodes.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		takesPods := len(node.Spec.Taints) == 0 && node.Spec.PodCIDR != ""
		return isReady(node) && (takesPods || !c.controllers), nil
	})
	if err != nil {
		return fmt.Errorf("node %q: it is not ready: %w", name, err)
	}
	return nil
}

// LoseKWOKNode makes KWOK forget a node, as if its machine had lost its power: its
// pods stay as they are, and the node's controller finds out by its Lease.
func (c *ControlPlane) LoseKWOKNode(ctx context.Context, name string) error {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, kwokLabel)
	if _, err := c.clientset.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("node %q: %w", name, err)
	}
	return nil
}

func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
