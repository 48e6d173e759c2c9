package controlplane

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// image is what containers run that name none. Nothing pulls it.
const image = "registry.k8s.io/pause:3.10"

// Pod is a pod with one container, for Create, for which the caller may complete
// it.
func Pod(namespace, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: image}}},
	}
}

// CreatePod creates a pod as it is given: without a nodeName it waits for a node.
func (c *ControlPlane) CreatePod(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	created, err := c.clientset.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, podError(pod, "create", err)
	}
	return created, nil
}

// Create creates a pod on the node. It is pending, and has no status yet.
func (k *Kubelet) Create(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	pod = pod.DeepCopy()
	pod.Spec.NodeName = k.Node
	created, err := k.api.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, podError(pod, "create", err)
	}
	return created, nil
}

// CreateRunning creates a pod on the node and runs it.
func (k *Kubelet) CreateRunning(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	created, err := k.Create(ctx, pod)
	if err != nil {
		return nil, err
	}
	return k.Run(ctx, created)
}

// Bind gives a pod without a node to this one, as the scheduler would.
func (k *Kubelet) Bind(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	pods := k.api.CoreV1().Pods(pod.Namespace)
	err := pods.Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: k.Node},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, podError(pod, "bind", err)
	}
	bound, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		return nil, podError(pod, "get", err)
	}
	return bound, nil
}

// Mirror creates the mirror of a static pod, which the kubelet has from a file and
// not from the API server. The runtime knows a static pod by the value of the
// annotation kubernetes.io/config.hash, not by the mirror's uid. The node must
// exist: it owns the mirror.
func (k *Kubelet) Mirror(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	node, err := k.api.CoreV1().Nodes().Get(ctx, k.Node, metav1.GetOptions{})
	if err != nil {
		return nil, podError(pod, "mirror", err)
	}
	mirror := pod.DeepCopy()
	mirror.Name += "-" + k.Node
	hash := randomHex(16)
	if mirror.Annotations == nil {
		mirror.Annotations = make(map[string]string)
	}
	mirror.Annotations[corev1.MirrorPodAnnotationKey] = hash
	mirror.Annotations["kubernetes.io/config.hash"] = hash
	mirror.Annotations["kubernetes.io/config.seen"] = k.Now().Format(metav1.RFC3339Micro)
	mirror.Annotations["kubernetes.io/config.source"] = "file"
	controller := true
	mirror.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID, Controller: &controller}}
	return k.Create(ctx, mirror)
}

// Delete removes a pod from the API at once, as the kubelet does when its
// containers have ended.
func (k *Kubelet) Delete(ctx context.Context, pod *corev1.Pod) error {
	now := int64(0)
	err := k.api.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
	})
	if err != nil {
		return podError(pod, "delete", err)
	}
	return nil
}

// UpdateStatus changes the status of a pod, and returns the pod as it is then.
func (k *Kubelet) UpdateStatus(ctx context.Context, pod *corev1.Pod, change func(*corev1.Pod)) (updated *corev1.Pod, err error) {
	pods := k.api.CoreV1().Pods(pod.Namespace)
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		current, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if current.UID != pod.UID {
			return fmt.Errorf("its name belongs to another pod now: uid %s instead of %s", current.UID, pod.UID)
		}
		change(current)
		updated, err = pods.UpdateStatus(ctx, current, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return nil, podError(pod, "update the status of", err)
	}
	return updated, nil
}

func podError(pod *corev1.Pod, verb string, err error) error {
	return fmt.Errorf("%s pod %s/%s: %w", verb, pod.Namespace, pod.Name, err)
}
