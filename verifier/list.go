package verifier

import (
	"context"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// DefaultListAlerts is how many alerts a list has unless another number is
// given.
const DefaultListAlerts = 100

// Scope says which alerts a list without a namespace has.
type Scope string

// Scopes of a list.
const (
	// ScopeAll: all alerts, also of hosts and of unknown namespaces.
	ScopeAll Scope = "all"
	// ScopeHost: alerts of the hosts themselves.
	ScopeHost Scope = "host"
	// ScopeUnattributed: alerts whose namespace is not known.
	ScopeUnattributed Scope = "unattributed"
)

// Selection asks for a list of alerts.
type Selection struct {
	Namespace string             // exact; empty means Scope
	Scope     Scope              // only without Namespace; empty means ScopeAll
	Window    correlate.Window   // event time, [start, end); required; not in the future
	Pod       string             // as in Question
	Rule      string             // as in Question
	Sensor    string             // as in Question
	Severity  correlate.Priority // zero means Warning
	Order     correlate.Order    // NewestFirst unless set
	Limit     int                // at most MaxAlerts; zero means DefaultListAlerts
	After     correlate.Cursor   // continues a list; zero begins one
}

// AlertList answers a Selection.
type AlertList struct {
	// AlertCount and Summary count all alerts that were selected, whatever the
	// limit and the cursor.
	AlertCount uint64  `json:"alert_count"`
	Summary    Summary `json:"summary"`
	Alerts     []Alert `json:"alerts"`
	// Truncated is true when NextCursor continues the list.
	Truncated  bool   `json:"truncated"`
	NextCursor string `json:"next_cursor,omitzero"`

	Namespace string             `json:"namespace,omitzero"`
	Scope     Scope              `json:"scope,omitzero"` // left out with Namespace
	Severity  correlate.Priority `json:"severity"`
	Window    Window             `json:"window"`
	// Floor is the event time below which alerts are not kept any more. It is
	// left out when nothing was ever thrown away.
	Floor time.Time `json:"floor,omitzero"`
	// AsOf is the position of the event log up to which alerts are listed.
	AsOf uint64 `json:"as_of"`
	// CaughtUp is false when that is not the log's end, and alerts may be
	// missing.
	CaughtUp    bool      `json:"caught_up"`
	EvaluatedAt time.Time `json:"evaluated_at"`
}

// query checks the selection and turns it into what the index is asked.
func (sel Selection) query(now time.Time) (correlate.Query, error) {
	q, err := filter{
		window: sel.Window, severity: sel.Severity, pod: sel.Pod, rule: sel.Rule, sensor: sel.Sensor, limit: sel.Limit,
	}.query(now)
	if err != nil {
		return q, err
	}
	if sel.Order > correlate.OldestFirst {
		return q, &FieldError{"order", fmt.Sprintf("unknown order %d", sel.Order)}
	}
	scopes := map[Scope]correlate.Scope{
		ScopeAll: correlate.Everything, ScopeHost: correlate.Host, ScopeUnattributed: correlate.WithoutNamespace,
	}
	if sel.Namespace != "" {
		if sel.Scope != "" {
			return q, &FieldError{"scope", "give a namespace or a scope, not both"}
		}
		q.Scope, q.Namespace = correlate.InNamespace, sel.Namespace
		return q, CheckNamespace(sel.Namespace)
	}
	scope, ok := scopes[sel.Scope]
	if !ok {
		return q, &FieldError{"scope", fmt.Sprintf("unknown scope %.40q: want %s, %s or %s", string(sel.Scope), ScopeAll, ScopeHost, ScopeUnattributed)}
	}
	q.Scope = scope
	return q, nil
}

// Alerts lists alerts. The error is a *FieldError when the selection is wrong,
// and means a defect otherwise.
func (s *Service) Alerts(ctx context.Context, sel Selection) (*AlertList, error) {
	if sel.Severity == 0 {
		sel.Severity = correlate.Warning
	}
	if sel.Limit == 0 {
		sel.Limit = DefaultListAlerts
	}
	if sel.Namespace == "" && sel.Scope == "" {
		sel.Scope = ScopeAll
	}
	q, err := sel.query(s.now())
	if err != nil {
		return nil, err
	}
	list := &AlertList{
		Namespace: sel.Namespace, Scope: sel.Scope, Severity: sel.Severity, Window: windowOf(sel.Window, false),
		CaughtUp: s.reachEnd(ctx, s.catchUp) == nil,
	}
	var entries []correlate.Entry
	s.tail.View(func(state *correlate.State, asOf uint64) {
		var counts correlate.Counts
		var next correlate.Cursor
		if counts, err = state.Index().Count(q); err != nil {
			return
		}
		if entries, next, err = state.Index().List(q, sel.Order, sel.Limit, sel.After); err != nil {
			return
		}
		list.AlertCount, list.Summary, list.AsOf = counts.Total(), summarise(counts), asOf
		list.NextCursor, list.Truncated = next.String(), !next.IsZero()
		list.Floor = utc(state.Index().Floor())
	})
	if err != nil {
		return nil, fmt.Errorf("asking the index: %w", err)
	}
	list.Alerts = s.hydrate(ctx, entries)
	list.EvaluatedAt = s.now().UTC().Round(0)
	return list, nil
}
