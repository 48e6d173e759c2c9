package controlplane

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Run reports that the pod runs: its init containers have completed, those that
// restart always and all others run, and it is ready, from now on.
func (k *Kubelet) Run(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	return k.UpdateStatus(ctx, pod, func(pod *corev1.Pod) {
		now := metav1.NewTime(k.Now())
		status := &pod.Status
		status.Phase = corev1.PodRunning
		if status.StartTime == nil {
			status.StartTime = &now
		}
		if status.PodIP == "" {
			status.PodIP = k.PodIP(pod)
			status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
		}
		status.InitContainerStatuses = nil
		for _, c := range pod.Spec.InitContainers {
			init := running(c.Name, c.Image, now)
			if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
				terminate(&init, now, 0, "Completed")
				init.Ready = true
			}
			status.InitContainerStatuses = append(status.InitContainerStatuses, init)
		}
		status.ContainerStatuses = nil
		for _, c := range pod.Spec.Containers {
			status.ContainerStatuses = append(status.ContainerStatuses, running(c.Name, c.Image, now))
		}
		for _, condition := range []corev1.PodConditionType{
			corev1.PodScheduled, corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady,
		} {
			setCondition(status, condition, corev1.ConditionTrue, "", now)
		}
	})
}

// Restart reports that a container has ended with an error and runs again, under
// another container id.
func (k *Kubelet) Restart(ctx context.Context, pod *corev1.Pod, container string) (*corev1.Pod, error) {
	found := false
	updated, err := k.UpdateStatus(ctx, pod, func(pod *corev1.Pod) {
		now := metav1.NewTime(k.Now())
		status := findRunning(pod.Status.ContainerStatuses, container)
		if found = status != nil; !found {
			return
		}
		terminate(status, now, 1, "Error")
		again := running(container, status.Image, now)
		again.LastTerminationState, again.RestartCount = status.State, status.RestartCount+1
		*status = again
	})
	if err == nil && !found {
		err = podError(pod, "restart", fmt.Errorf("no container %q runs in it: run the pod first", container))
	}
	return updated, err
}

// Debug adds an ephemeral container to a pod and reports that it runs.
func (k *Kubelet) Debug(ctx context.Context, pod *corev1.Pod, container string) (*corev1.Pod, error) {
	pods := k.api.CoreV1().Pods(pod.Namespace)
	current, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		return nil, podError(pod, "debug", err)
	}
	current.Spec.EphemeralContainers = append(current.Spec.EphemeralContainers, corev1.EphemeralContainer{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: container, Image: image},
	})
	if _, err := pods.UpdateEphemeralContainers(ctx, pod.Name, current, metav1.UpdateOptions{}); err != nil {
		return nil, podError(pod, "debug", err)
	}
	return k.UpdateStatus(ctx, pod, func(pod *corev1.Pod) {
		pod.Status.EphemeralContainerStatuses = append(pod.Status.EphemeralContainerStatuses, running(container, image, metav1.NewTime(k.Now())))
	})
}

// Finish reports that all containers have ended: with success, or with an error.
func (k *Kubelet) Finish(ctx context.Context, pod *corev1.Pod, success bool) (*corev1.Pod, error) {
	if success {
		return k.Exit(ctx, pod, 0)
	}
	return k.Exit(ctx, pod, 1)
}

// Exit reports that all containers have ended with an exit code.
func (k *Kubelet) Exit(ctx context.Context, pod *corev1.Pod, exitCode int32) (*corev1.Pod, error) {
	return k.UpdateStatus(ctx, pod, func(pod *corev1.Pod) {
		now := metav1.NewTime(k.Now())
		if exitCode == 0 {
			k.endPod(pod, corev1.PodSucceeded, exitCode, "Completed", now)
		} else {
			k.endPod(pod, corev1.PodFailed, exitCode, "Error", now)
		}
	})
}

// Evict reports that the kubelet has ended the pod for want of memory. The pod
// stays in the API.
func (k *Kubelet) Evict(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	return k.UpdateStatus(ctx, pod, func(pod *corev1.Pod) {
		now := metav1.NewTime(k.Now())
		k.endPod(pod, corev1.PodFailed, 137, "Error", now)
		pod.Status.Reason, pod.Status.Message = "Evicted", "The node was low on resource: memory."
		setCondition(&pod.Status, corev1.DisruptionTarget, corev1.ConditionTrue, corev1.PodReasonTerminationByKubelet, now)
	})
}

// endPod ends what still runs of the pod.
func (k *Kubelet) endPod(pod *corev1.Pod, phase corev1.PodPhase, exitCode int32, reason string, now metav1.Time) {
	pod.Status.Phase = phase
	for _, statuses := range [][]corev1.ContainerStatus{
		pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses,
	} {
		for i := range statuses {
			if statuses[i].State.Running != nil {
				terminate(&statuses[i], now, exitCode, reason)
			}
		}
	}
	for _, condition := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.ContainersReady, corev1.PodReady} {
		setCondition(&pod.Status, condition, corev1.ConditionFalse, "Pod"+string(phase), now)
	}
}

func running(name, image string, now metav1.Time) corev1.ContainerStatus {
	started := true
	return corev1.ContainerStatus{
		Name: name, Image: image, ImageID: "sha256:" + randomHex(32), ContainerID: "containerd://" + randomHex(32),
		Ready: true, Started: &started, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
	}
}

// terminate ends a running container.
func terminate(status *corev1.ContainerStatus, now metav1.Time, exitCode int32, reason string) {
	started := false
	status.Ready, status.Started = false, &started
	status.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: exitCode, Reason: reason, StartedAt: status.State.Running.StartedAt, FinishedAt: now, ContainerID: status.ContainerID,
	}}
}

// setCondition sets a condition; its time is that of the last change of its status.
func setCondition(status *corev1.PodStatus, condition corev1.PodConditionType, value corev1.ConditionStatus, reason string, now metav1.Time) {
	set := corev1.PodCondition{Type: condition, Status: value, Reason: reason, LastTransitionTime: now}
	i := slices.IndexFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == condition })
	if i < 0 {
		status.Conditions = append(status.Conditions, set)
		return
	}
	if status.Conditions[i].Status == value {
		set.LastTransitionTime = status.Conditions[i].LastTransitionTime
	}
	status.Conditions[i] = set
}

// findRunning is the status of a running container, or nil.
func findRunning(statuses []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	i := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == name && s.State.Running != nil })
	if i < 0 {
		return nil
	}
	return &statuses[i]
}

// randomHex is n random bytes, as the runtime names containers.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
