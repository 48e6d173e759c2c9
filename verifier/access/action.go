package access

import "fmt"

// Group and Resource are what access is given to in Kubernetes' RBAC. There are no
// objects of that kind: the names exist for rules alone.
const (
	Group    = "falcogate.dev"
	Resource = "verdicts"
)

// Verb is what a caller wants to do with verdicts, in the words of RBAC.
type Verb string

// Verbs.
const (
	// Get is to ask: for a verdict, for alerts, for what a verdict rests on.
	Get Verb = "get"
	// Create is to publish a verdict, and to be answered with it.
	Create Verb = "create"
)

// MetricsPath is the path that a caller may be allowed to read without being
// allowed anything else.
const MetricsPath = "/metrics"

// Action is what a caller wants to do. The zero value of Namespace means all
// namespaces: what was left out by mistake needs more rights, not fewer.
type Action struct {
	Verb      Verb
	Namespace string // empty means all, hosts and unattributed alerts included
	// Path, when set, is a path outside the resource; who may do Verb in all
	// namespaces may read it too.
	Path string
}

// String words the action for a message: "get verdicts in namespace shop".
func (a Action) String() string {
	switch {
	case a.Path != "":
		return fmt.Sprintf("%s %s", a.Verb, a.Path)
	case a.Namespace == "":
		return fmt.Sprintf("%s %s in all namespaces", a.Verb, Resource)
	}
	return fmt.Sprintf("%s %s in namespace %s", a.Verb, Resource, a.Namespace)
}

// everywhere is the action in all namespaces.
func (a Action) everywhere() Action { return Action{Verb: a.Verb} }
