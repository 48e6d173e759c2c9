package verifier

import (
	"cmp"
	"slices"
	"time"
)

// GateFilter selects gates of a list. Every set field narrows it.
type GateFilter struct {
	Namespace string
	State     GateState
	Labels    map[string]string
}

// ListedGate is a gate as a list shows it. Its JSON form is what is answered.
type ListedGate struct {
	Gate
	// Verdict stands in for the gate's.
	Verdict *ListedVerdict `json:"verdict,omitzero"`
	// Contradiction likewise.
	Contradiction *ListedContradiction `json:"contradiction,omitzero"`
}

// ListedContradiction is a contradiction without its alerts.
type ListedContradiction struct {
	ID          string    `json:"id"`
	AlertCount  uint64    `json:"alert_count"`
	EvaluatedAt time.Time `json:"evaluated_at"`
}

// ListedVerdict is a verdict without what it rests on, and without what Verdict.Withhold
// leaves out.
type ListedVerdict struct {
	ID          string     `json:"id"`
	Verdict     Outcome    `json:"verdict"`
	Passed      bool       `json:"passed"`
	Reason      ReasonCode `json:"reason"`
	Message     string     `json:"message"`
	AlertCount  uint64     `json:"alert_count"`
	AsOf        uint64     `json:"as_of"`
	EvaluatedAt time.Time  `json:"evaluated_at"`
}

// listedGate is what a list shows of a gate.
func listedGate(gate *Gate) ListedGate {
	listed := ListedGate{Gate: *gate}
	listed.Gate.Verdict, listed.Gate.Contradiction = nil, nil
	if c := gate.Contradiction; c != nil {
		listed.Contradiction = &ListedContradiction{c.ID, c.AlertCount, c.EvaluatedAt}
	}
	if gate.Verdict != nil {
		v := gate.Verdict.withholding()
		listed.Verdict = &ListedVerdict{v.ID, v.Verdict, v.Passed, v.Reason, v.Message, v.AlertCount, v.AsOf, v.EvaluatedAt}
	}
	return listed
}

// List returns the gates that a filter selects, those that were opened last first. The
// error is ErrGatesNotReady.
func (g *Gates) List(f GateFilter) ([]ListedGate, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.whole {
		return nil, ErrGatesNotReady
	}
	list := []ListedGate{}
	for _, e := range g.known {
		if f.selects(e.gate) {
			list = append(list, listedGate(e.gate))
		}
	}
	slices.SortFunc(list, func(a, b ListedGate) int { return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

func (f *GateFilter) selects(gate *Gate) bool {
	if f.Namespace != "" && gate.Namespace != f.Namespace || f.State != "" && gate.State != f.State {
		return false
	}
	for name, value := range f.Labels {
		if gate.Labels[name] != value {
			return false
		}
	}
	return true
}

// GateList is a list of gates, as it is answered.
type GateList struct {
	// GateCount counts all gates that were selected, whatever the limit.
	GateCount int `json:"gate_count"`
	// Gates are those that were opened last.
	Gates     []ListedGate `json:"gates"`
	Truncated bool         `json:"truncated"` // Gates lists fewer than GateCount
}
