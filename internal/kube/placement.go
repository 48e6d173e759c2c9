package kube

import (
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/correlate"
)

// keptContainers is how many container ids of a pod are told: one whose containers
// crash again and again has a new one each time.
const keptContainers = 32

// defaultGrace is the grace period of a pod that names none.
const defaultGrace = 30 * time.Second

// placementOf is what a pod's object says of its placement. Before is what was known
// already, or nil; what the API has forgotten since, such as the ids of containers
// that were replaced, is kept from it.
func placementOf(pod *corev1.Pod, before *correlate.Placement) *correlate.Placement {
	p := &correlate.Placement{
		UID: string(pod.UID), Namespace: pod.Namespace, Pod: pod.Name, Node: pod.Spec.NodeName,
		Labels: labelsOf(pod.Labels), Created: pod.CreationTimestamp.UTC(), Scheduled: scheduled(pod),
	}
	if before != nil {
		p.Containers, p.Started = slices.Clone(before.Containers), before.Started
	}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		p.Controller = correlate.Owner{Kind: owner.Kind, Name: owner.Name}
		p.Workload = workloadOf(p.Controller, pod.Labels)
	}
	contain(p, pod)
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		gone(p, pod)
	}
	return p
}

// gone notes that the pod does not run any more: it has ended, or was deleted. Where
// not every container was seen to end, as after a deletion by force or the loss of a
// node, they are given the grace period.
func gone(p *correlate.Placement, pod *corev1.Pod) {
	p.Gone = true
	ended := true
	for _, s := range statuses(pod) {
		switch t := s.State.Terminated; {
		case t != nil:
			p.Finished = later(p.Finished, t.FinishedAt)
		case s.State.Running != nil, s.ContainerID != "":
			ended = false
		}
	}
	if ended {
		return
	}
	p.Finished, p.Linger = time.Time{}, defaultGrace
	for _, seconds := range []*int64{pod.Spec.TerminationGracePeriodSeconds, pod.DeletionGracePeriodSeconds} {
		if seconds != nil {
			p.Linger = max(p.Linger, time.Duration(*seconds)*time.Second)
		}
	}
}

// contain notes the pod's containers, and when the first of its own began.
func contain(p *correlate.Placement, pod *corev1.Pod) {
	for _, s := range statuses(pod) {
		for _, id := range []string{s.ContainerID, terminatedID(s.State), terminatedID(s.LastTerminationState)} {
			if _, bare, ok := strings.Cut(id, "://"); ok {
				id = bare
			}
			if id != "" && !slices.Contains(p.Containers, id) {
				p.Containers = append(p.Containers, id)
			}
		}
	}
	p.Containers = p.Containers[max(0, len(p.Containers)-keptContainers):]
	for _, s := range pod.Status.ContainerStatuses {
		for _, state := range []corev1.ContainerState{s.State, s.LastTerminationState} {
			if state.Running != nil {
				p.Started = earlier(p.Started, state.Running.StartedAt)
			}
			if state.Terminated != nil {
				p.Started = earlier(p.Started, state.Terminated.StartedAt)
			}
		}
	}
}

func terminatedID(s corev1.ContainerState) string {
	if s.Terminated == nil {
		return ""
	}
	return s.Terminated.ContainerID
}

// statuses are those of all kinds of containers.
func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses)
}

// scheduled is when the pod got its node; the API does not say it of static pods.
func scheduled(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue && !c.LastTransitionTime.IsZero() {
			at := c.LastTransitionTime.UTC()
			if start := pod.Status.StartTime; start != nil && start.UTC().Before(at) {
				return start.UTC()
			}
			return at
		}
	}
	if pod.Status.StartTime != nil {
		return pod.Status.StartTime.UTC()
	}
	return time.Time{}
}

// Labels by which the names of controllers are taken apart.
const (
	deploymentHash = "pod-template-hash"
	rolloutHash    = "rollouts-pod-template-hash"
)

// jobOfCronJob is how a CronJob names its Jobs: by the minute that they are for.
var jobOfCronJob = regexp.MustCompile(`^(.+)-[0-9]{8,10}$`)

// workloadOf is what a controller belongs to. The API would have to be asked for each
// to know; their names tell as well: a ReplicaSet has the name of its Deployment or
// Argo Rollout, and the hash that its pods have as a label.
func workloadOf(controller correlate.Owner, labels map[string]string) correlate.Owner {
	switch controller.Kind {
	case "ReplicaSet":
		for _, by := range []struct{ label, kind string }{{rolloutHash, "Rollout"}, {deploymentHash, "Deployment"}} {
			hash := labels[by.label]
			if name, ok := strings.CutSuffix(controller.Name, "-"+hash); ok && hash != "" && name != "" {
				return correlate.Owner{Kind: by.kind, Name: name}
			}
		}
	case "Job":
		if m := jobOfCronJob.FindStringSubmatch(controller.Name); m != nil {
			return correlate.Owner{Kind: "CronJob", Name: m[1]}
		}
	}
	return controller
}

func labelsOf(labels map[string]string) correlate.Fields {
	if len(labels) == 0 {
		return nil
	}
	fields := make(correlate.Fields, 0, len(labels))
	for name, value := range labels {
		fields = append(fields, correlate.Field{Name: name, Value: value})
	}
	slices.SortFunc(fields, func(a, b correlate.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

func earlier(t time.Time, other metav1.Time) time.Time {
	if other.IsZero() || !t.IsZero() && !other.UTC().Before(t) {
		return t
	}
	return other.UTC()
}

func later(t time.Time, other metav1.Time) time.Time {
	if other.UTC().After(t) && !other.IsZero() {
		return other.UTC()
	}
	return t
}

// samePlacement reports whether nothing that is told has changed.
func samePlacement(a, b *correlate.Placement) bool {
	x, y := *a, *b
	if !slices.Equal(x.Labels, y.Labels) || !slices.Equal(x.Containers, y.Containers) ||
		!x.Created.Equal(y.Created) || !x.Scheduled.Equal(y.Scheduled) || !x.Started.Equal(y.Started) || !x.Finished.Equal(y.Finished) {
		return false
	}
	return x.UID == y.UID && x.Namespace == y.Namespace && x.Pod == y.Pod && x.Node == y.Node && x.Hostname == y.Hostname &&
		x.Controller == y.Controller && x.Workload == y.Workload && x.Gone == y.Gone && x.Linger == y.Linger
}
