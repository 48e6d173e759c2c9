package correlate

import (
	"slices"
	"strings"
	"time"
	"unique"
)

// PodScope names pods of one namespace. Every set field narrows it.
type PodScope struct {
	Namespace string // exact; required
	Name      Glob
	// Labels reports whether a pod's labels select it; nil selects all. It must be
	// a pure function.
	Labels func(Fields) bool
	// Owner is the pod's controller or its workload. The kind is compared without
	// regard to case.
	Owner Owner
	// Hash is that of the pod's template, which tells the pods of one revision of a
	// workload from those of others.
	Hash string
}

// All reports whether the scope is the whole namespace.
func (p *PodScope) All() bool {
	return p.Name == Glob{} && p.Labels == nil && p.Owner == Owner{} && p.Hash == ""
}

// ByName reports whether the pods' names are all that is needed to tell them.
func (p *PodScope) ByName() bool {
	return p.Labels == nil && p.Owner == Owner{} && p.Hash == ""
}

// hashLabels have the hash of the pod's template: of Deployments, of Argo Rollouts,
// and of StatefulSets and DaemonSets.
var hashLabels = []string{"pod-template-hash", "rollouts-pod-template-hash", "controller-revision-hash"}

// selects reports whether a pod was in the scope at some time of [from, to).
func (p *PodScope) selects(known *pod, from, to int64) bool {
	if !p.Name.Match(known.name) {
		return false
	}
	if p.Owner != (Owner{}) && !p.Owner.is(known.controller) && !p.Owner.is(known.workload) {
		return false
	}
	if p.Labels == nil && p.Hash == "" || known.everyLabel {
		return true
	}
	for i, l := range known.labels {
		ended := i+1 < len(known.labels) && known.labels[i+1].from < from
		if ended || l.from >= to && i > 0 {
			continue
		}
		labels := labelsOf(l.set)
		if p.Labels != nil && !p.Labels(labels) {
			continue
		}
		if p.Hash == "" || slices.ContainsFunc(hashLabels, func(name string) bool {
			hash, ok := labels.Get(name)
			return ok && hash == p.Hash
		}) {
			return true
		}
	}
	return false
}

// is reports whether an owner is the one that is named.
func (o Owner) is(other unique.Handle[Owner]) bool {
	v := other.Value()
	return v.Name == o.Name && strings.EqualFold(v.Kind, o.Kind)
}

// began is from when on the pod may have run: since it was on its node, by the
// API's whole seconds.
func (known *pod) began() int64 {
	if known.scheduled > 0 {
		return known.scheduled
	}
	return known.created
}

// PodSet are pods by name, each with the spans of time in which it was that pod.
type PodSet struct {
	spans map[string][]knownPod
}

// knownPod is a span in which a name was a pod's; both ends are included.
type knownPod struct{ from, to int64 }

// Has reports whether a pod of that name was in the set at an instant.
func (s *PodSet) Has(name string, at time.Time) bool { return s.has(name, nanos(at)) }

func (s *PodSet) has(name string, ns int64) bool {
	for _, span := range s.spans[name] {
		if ns >= span.from && ns <= span.to {
			return true
		}
	}
	return false
}

// Len is how many names the set has.
func (s *PodSet) Len() int { return len(s.spans) }
