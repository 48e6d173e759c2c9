package correlate

import (
	"slices"
	"strings"
	"unique"
)

// PodScope names pods of one namespace. Every set field narrows it.
type PodScope struct {
	Namespace string // exact; required
	Name      Glob
	// Labels reports whether a pod's labels select it; nil selects all. It must be
	// a pure function, and keep nothing of what it gets.
	Labels func(Fields) bool
	// Owner is the pod's controller or its workload. The kind is compared without
	// regard to case.
	Owner Owner
	// Hash is that of the pod's template, which tells the pods of one revision of a
	// workload from those of others.
	Hash string
	// Sensor is the hostname of the sensor of the pod's node; empty means any.
	Sensor string
}

// All reports whether the scope is the whole namespace, on the nodes that it is about.
func (p *PodScope) All() bool { return p.Name == Glob{} && p.ByName() }

// ByName reports whether the pods' names are all that is needed to tell them.
func (p *PodScope) ByName() bool {
	return p.Labels == nil && p.Owner == Owner{} && p.Hash == ""
}

// hashLabels have the hash of the pod's template: of Deployments, of Argo Rollouts,
// and of StatefulSets and DaemonSets.
var hashLabels = []string{"pod-template-hash", "rollouts-pod-template-hash", "controller-revision-hash"}

// is reports whether an owner is the one that is named.
func (o Owner) is(other unique.Handle[Owner]) bool {
	v := other.Value()
	return v.Name == o.Name && strings.EqualFold(v.Kind, o.Kind)
}

// podSelection finds out which pods of a scope were there in a span of time.
type podSelection struct {
	scope PodScope
	p     *placements
	floor int64
	// unknown is from the first to the last instant of the span at which it is not
	// known which pods there were; its end is 0 when there is none.
	unknown knownSpan
	labels  Fields // of one pod after the other
}

// names reports whether the scope may have the pod, whatever its guise.
func (s *podSelection) names(known *pod) bool {
	return s.scope.Name.Match(known.name) && (s.scope.Sensor == "" || known.onNode() && known.hostname.Value() == s.scope.Sensor)
}

// has reports whether the scope has pods in a guise.
func (s *podSelection) has(g *guise) bool {
	p := &s.scope
	if p.Owner != (Owner{}) && !p.Owner.is(g.controller) && !p.Owner.is(g.workload) {
		return false
	}
	if p.Labels == nil && p.Hash == "" {
		return true
	}
	s.labels = s.labels[:0]
	for _, l := range g.labels {
		s.labels = append(s.labels, l.Value())
	}
	return (p.Labels == nil || p.Labels(s.labels)) && (p.Hash == "" || slices.ContainsFunc(hashLabels, func(name string) bool {
		hash, ok := s.labels.Get(name)
		return ok && hash == p.Hash
	}))
}

// presence is a stretch of time in which a pod may have been in the scope.
type presence struct {
	from, to int64
	// since and until is what of it is certain, as far as the pod's guise goes and
	// that it was there; since is the greater where nothing is.
	since, until int64
	always       bool // the pod is in the scope whenever it is there
}

// presences goes through those of a pod.
func (s *podSelection) presences(known *pod, yield func(presence)) {
	began, ended := known.began(), known.ended
	if ended == 0 {
		ended = maxNanos
	}
	if known.any > 0 {
		yield(presence{from: began, to: min(ended, known.any), since: maxNanos})
	}
	// A pod that was never out of the scope was in it also while it is open which of
	// two guises it had.
	whole := presence{since: maxNanos, until: 0}
	always := known.any == 0 || s.scope.ByName()
	for i := range known.words {
		l := &known.words[i]
		_, until := s.span(l)
		whole.since, whole.until = min(whole.since, l.since), max(whole.until, min(ended, until))
		always = always && s.has(&l.guise)
	}
	for i := range known.words {
		l := &known.words[i]
		if !s.has(&l.guise) {
			continue
		}
		to, until := s.span(l)
		in := presence{max(began, s.from(l)), min(ended, to), l.since, min(ended, until), always}
		if always {
			in.since, in.until = whole.since, whole.until
		}
		yield(in)
	}
}

// from is from when on a word may have held: also before its watchers said so, where
// nobody knows.
func (s *podSelection) from(l *word) int64 {
	if s.unknown.to > 0 && s.unknown.from < l.from {
		return 0
	}
	return l.from
}

// span is up to when a word may have held, and up to when it certainly did. What its
// watchers do not know, others do, where all is known: that they do not say so means
// that it was not so.
func (s *podSelection) span(l *word) (to, until int64) {
	until = max(l.until, s.p.watchers.reach(l.by&^l.fresh, s.floor))
	to = max(until, l.to)
	if s.unknown.to <= to {
		return to, until
	}
	if l.by != 0 {
		return maxNanos, until
	}
	return max(to, l.doubt), until
}
