package kube

import (
	"context"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// nodeNames tells the hostname of the sensor on a node.
type nodeNames struct {
	client *Client
	label  string

	mu    sync.Mutex
	given map[string]string
	nodes map[string]string // by their label
}

func newNodeNames(c *Client, given map[string]string, label string) *nodeNames {
	return &nodeNames{client: c, label: label, given: maps.Clone(given), nodes: map[string]string{}}
}

// hostname is that of the sensor on the node: the given one, else the label's, else the
// node's own name.
func (n *nodeNames) hostname(node string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, names := range []map[string]string{n.given, n.nodes} {
		if hostname := names[node]; hostname != "" {
			return hostname
		}
	}
	return node
}

// run watches the nodes' label until ctx ends, and calls changed for each node that has
// another hostname than before. Without a label it has nothing to do.
func (n *nodeNames) run(ctx context.Context, changed func(node string)) {
	if n.label == "" {
		<-ctx.Done()
		return
	}
	factory := informers.NewSharedInformerFactoryWithOptions(n.client.api, 0, informers.WithTransform(func(obj any) (any, error) {
		node, ok := obj.(*corev1.Node)
		if !ok {
			return obj, nil
		}
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, ResourceVersion: node.ResourceVersion, UID: node.UID, Labels: map[string]string{n.label: node.Labels[n.label]},
		}}, nil
	}))
	note := func(obj any) {
		node, ok := obj.(*corev1.Node)
		if ok && n.note(node.Name, node.Labels[n.label]) {
			changed(node.Name)
		}
	}
	informer := factory.Core().V1().Nodes().Informer()
	// A node that is deleted keeps its hostname: pods may still be said to be there.
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: note, UpdateFunc: func(_, obj any) { note(obj) }}); err != nil {
		panic(fmt.Sprintf("kube: a new informer takes no handler: %v", err))
	}
	factory.StartWithContext(ctx)
	<-ctx.Done()
	factory.Shutdown()
}

// note takes over a node's label, and reports whether that changes its hostname.
func (n *nodeNames) note(node, label string) bool {
	before := n.hostname(node)
	n.mu.Lock()
	n.nodes[node] = label
	n.mu.Unlock()
	return n.hostname(node) != before
}
