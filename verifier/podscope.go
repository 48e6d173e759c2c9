package verifier

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/falcogate/falcogate/correlate"
)

// Pods names pods of the question's namespace. Every set field narrows it; the zero
// value is all of them.
type Pods struct {
	Name     string // pattern as in correlate.ParseGlob
	Selector string // label selector, as kubectl has it
	Owner    string // kind/name, such as deployment/web
	Hash     string // of the pod's template: one revision of a workload
	// VCluster is NAME/NAMESPACE of a virtual cluster that runs in the question's
	// namespace, and of a namespace in it.
	VCluster string
}

// Labels that vcluster puts on the pods of a virtual cluster: their names are
// translated to POD-x-NAMESPACE-x-VCLUSTER, and long ones are cut.
const (
	vclusterName      = "vcluster.loft.sh/managed-by"
	vclusterNamespace = "vcluster.loft.sh/namespace"
)

// maxSelector bounds what is given as text.
const maxSelector = 4096

// scope checks p and puts it in the words of correlate.
func (p Pods) scope(namespace string) (correlate.PodScope, error) {
	scope := correlate.PodScope{Namespace: namespace, Hash: p.Hash}
	for _, s := range []struct{ field, value string }{{"selector", p.Selector}, {"owner", p.Owner}, {"hash", p.Hash}, {"vcluster", p.VCluster}} {
		if len(s.value) > maxSelector {
			return scope, &FieldError{s.field, fmt.Sprintf("want at most %d characters, have %d", maxSelector, len(s.value))}
		}
	}
	if p.Name != "" {
		glob, err := correlate.ParseGlob(p.Name)
		if err != nil {
			return scope, &FieldError{"pod", err.Error()}
		}
		scope.Name = glob
	}
	selector := labels.Everything()
	if p.Selector != "" {
		parsed, err := labels.Parse(p.Selector)
		if err != nil {
			return scope, &FieldError{"selector", fmt.Sprintf("%.200q is no label selector: %v", p.Selector, err)}
		}
		if parsed.Empty() {
			return scope, &FieldError{"selector", "selects all pods: name a label, or leave it out"}
		}
		selector = parsed
	}
	if p.VCluster != "" {
		requirements, err := vcluster(p.VCluster)
		if err != nil {
			return scope, err
		}
		selector = selector.Add(requirements...)
	}
	if !selector.Empty() {
		scope.Labels = func(l correlate.Fields) bool { return selector.Matches(podLabels(l)) }
	}
	if p.Owner != "" {
		kind, name, ok := strings.Cut(p.Owner, "/")
		if !ok || kind == "" || name == "" || strings.Contains(name, "/") {
			return scope, &FieldError{"owner", fmt.Sprintf("want kind/name such as deployment/web, have %.200q", p.Owner)}
		}
		scope.Owner = correlate.Owner{Kind: ownerKind(kind), Name: name}
	}
	return scope, nil
}

// ownerKinds are the short and plural names that kubectl takes for what owns pods.
var ownerKinds = map[string]string{
	"deploy": "deployment", "deployments": "deployment", "rs": "replicaset", "replicasets": "replicaset",
	"sts": "statefulset", "statefulsets": "statefulset", "ds": "daemonset", "daemonsets": "daemonset",
	"jobs": "job", "cj": "cronjob", "cronjobs": "cronjob", "ro": "rollout", "rollouts": "rollout",
	"rc": "replicationcontroller", "replicationcontrollers": "replicationcontroller",
}

// ownerKind is the kind by its full name.
func ownerKind(kind string) string {
	kind = strings.ToLower(kind)
	if full, ok := ownerKinds[kind]; ok {
		return full
	}
	return kind
}

// vcluster selects the pods of a namespace of a virtual cluster.
func vcluster(name string) ([]labels.Requirement, error) {
	cluster, namespace, ok := strings.Cut(name, "/")
	if !ok || cluster == "" || namespace == "" {
		return nil, &FieldError{"vcluster", fmt.Sprintf("want NAME/NAMESPACE, a virtual cluster and a namespace in it, have %.200q", name)}
	}
	selector, err := labels.ValidatedSelectorFromSet(labels.Set{vclusterName: cluster, vclusterNamespace: namespace})
	if err != nil {
		return nil, &FieldError{"vcluster", fmt.Sprintf("%.200q can be no virtual cluster and namespace: %v", name, err)}
	}
	requirements, _ := selector.Requirements()
	return requirements, nil
}

// podLabels are a pod's labels as a selector reads them.
type podLabels correlate.Fields

// Has implements labels.Labels.
func (l podLabels) Has(name string) bool {
	_, ok := l.Lookup(name)
	return ok
}

// Get implements labels.Labels.
func (l podLabels) Get(name string) string {
	value, _ := l.Lookup(name)
	return value
}

// Lookup implements labels.Labels.
func (l podLabels) Lookup(name string) (string, bool) { return correlate.Fields(l).Get(name) }

// words say which pods are meant, for people.
func (p Pods) words() string {
	if p == (Pods{Name: p.Name}) {
		return p.Name
	}
	var parts []string
	for _, s := range []struct{ name, value string }{
		{"name", p.Name}, {"selector", p.Selector}, {"owner", p.Owner}, {"hash", p.Hash}, {"vcluster", p.VCluster},
	} {
		if s.value != "" {
			parts = append(parts, s.name+" "+s.value)
		}
	}
	return strings.Join(parts, ", ")
}
