package correlate

import (
	"errors"
	"fmt"
)

// Scope says which alerts a query asks about. The zero value is InNamespace,
// which needs a namespace: forgetting the scope never widens a query.
type Scope uint8

// Scopes of a query.
const (
	// InNamespace: the alerts of Query.Namespace, compared exactly.
	InNamespace Scope = iota
	// AllNamespaces: the alerts of every namespace. Neither those of a host nor
	// unattributed ones.
	AllNamespaces
	// Host: the alerts that come from a host itself.
	Host
	// WithoutNamespace: the alerts whose namespace is not known (Unattributed).
	WithoutNamespace
	// Everything: all alerts.
	Everything
)

// Query selects alerts. Every set field narrows it. Alerts below the index's
// floor are never selected: compare Window.Start with Index.Floor to know
// whether the answer is whole.
type Query struct {
	Scope       Scope
	Namespace   string   // with InNamespace required, else refused
	Window      Window   // event time; required
	MinPriority Priority // this severe or more; required (Debug selects all)
	Rule        string   // exact; empty selects all
	Pod         Glob     // of the pod's name; the zero Glob selects all
	Pods        *PodSet  // those of its pods, by the pod's name and the alert's time; nil selects all
	Strangers   *PodSet  // those of no pod in it; nil selects all
	Sensor      string   // exact hostname; empty selects all
}

// Validate returns an error that names what is wrong with the query, or nil.
// Count and List call it.
func (q Query) Validate() error {
	switch {
	case q.Scope > Everything:
		return fmt.Errorf("query: unknown scope %d", q.Scope)
	case q.Scope == InNamespace && q.Namespace == "":
		return errors.New("query: no namespace given: name one, or ask for another scope")
	case q.Scope != InNamespace && q.Namespace != "":
		return fmt.Errorf("query: namespace %q given with a scope that is not a namespace", q.Namespace)
	case q.MinPriority == 0:
		return fmt.Errorf("query: minimum %w", ErrPriorityUnset)
	case !q.MinPriority.Valid():
		return fmt.Errorf("query: minimum %s is no priority", q.MinPriority)
	}
	if err := q.Window.Validate(); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	return nil
}

// Counts are numbers of alerts, indexed by Priority; element 0 is always 0.
type Counts [Debug + 1]uint64

// Total is the sum over all priorities.
func (c Counts) Total() uint64 { return c.AtLeast(Debug) }

// AtLeast is how many are as severe as threshold or more; 0 when threshold is
// no valid priority.
func (c Counts) AtLeast(threshold Priority) uint64 {
	var n uint64
	for _, p := range Priorities {
		if p.AtLeast(threshold) {
			n += c[p]
		}
	}
	return n
}
