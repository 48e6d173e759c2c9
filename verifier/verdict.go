package verifier

import (
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// Verdict answers a Question. Its JSON form is what the HTTP interface answers,
// what the command line prints and what is published. Times are in UTC.
type Verdict struct {
	// ID names the answer: the same question, answered the same at the same
	// position of the log, has the same ID.
	ID      string  `json:"id"`
	Verdict Outcome `json:"verdict"`
	// Passed is true for a pass only.
	Passed bool `json:"passed"`
	// Pending is true for an inconclusive verdict that may still become a pass
	// by itself: ask again, or wait.
	Pending bool `json:"pending"`
	// Reason and Message are those of Reasons[0], which decided.
	Reason  ReasonCode `json:"reason"`
	Message string     `json:"message"`
	// Reasons are all there are, the worst first.
	Reasons []Reason `json:"reasons"`

	// AlertCount and Summary count the alerts in scope at Severity or above,
	// whatever the limit of the list.
	AlertCount uint64  `json:"alert_count"`
	Truncated  bool    `json:"truncated"` // Alerts lists fewer than AlertCount
	Summary    Summary `json:"summary"`
	Alerts     []Alert `json:"alerts"` // newest first

	Namespace string             `json:"namespace"`
	Pod       string             `json:"pod,omitzero"`
	Selector  string             `json:"selector,omitzero"`
	Owner     string             `json:"owner,omitzero"`
	Hash      string             `json:"hash,omitzero"`
	VCluster  string             `json:"vcluster,omitzero"`
	Rule      string             `json:"rule,omitzero"`
	Sensor    string             `json:"sensor,omitzero"`
	Severity  correlate.Priority `json:"severity"`
	Evidence  Evidence           `json:"evidence"` // the least that the question accepts
	Policy    PolicyApplied      `json:"policy"`
	Window    Window             `json:"window"`
	Limit     int                `json:"limit"` // of Alerts
	Coverage  Coverage           `json:"coverage"`
	// HostAlerts counts the alerts of the needed sensors' hosts themselves at
	// Severity or above in the window. They belong to no namespace, but an escape
	// from a container shows up as one; the policy says what they do.
	HostAlerts uint64 `json:"host_alerts"`

	// MaxAlerts is how many alerts may be in scope without a fail; left out when that
	// is none. Excused are alerts that are not counted, and why; left out when the
	// question excuses none. Baseline is the workload whose alerts it excuses.
	MaxAlerts uint64           `json:"max_alerts,omitzero"`
	Excused   *Excused         `json:"excused,omitzero"`
	Baseline  *BaselineApplied `json:"baseline,omitzero"`

	// Gate is the gate that the verdict decides; left out when none does.
	Gate *GateRef `json:"gate,omitzero"`

	// AsOf is the position of the event log up to which alerts were counted.
	AsOf        uint64    `json:"as_of"`
	EvaluatedAt time.Time `json:"evaluated_at"`
	// Withheld names what Withhold has left out. A published verdict has it all.
	Withheld []string `json:"withheld,omitzero"`
}

// GateRef is what a verdict repeats of its gate.
type GateRef struct {
	ID       string            `json:"id"`
	OpenedAt time.Time         `json:"opened_at"`
	Labels   map[string]string `json:"labels,omitzero"`
	Digest   string            `json:"digest,omitzero"`
}

// Window is the span [Start, End) of event time that a verdict or a list is
// about.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// FirstPod is true when the question named no start, so that the window begins
	// when the first pod of its scope was placed on its node.
	FirstPod bool `json:"first_pod,omitzero"`
}

// Summary counts alerts by priority, under Falco's names in lower case.
type Summary struct {
	Emergency     uint64 `json:"emergency"`
	Alert         uint64 `json:"alert"`
	Critical      uint64 `json:"critical"`
	Error         uint64 `json:"error"`
	Warning       uint64 `json:"warning"`
	Notice        uint64 `json:"notice"`
	Informational uint64 `json:"informational"`
	Debug         uint64 `json:"debug"`
}

// summarise turns the index's counts into a Summary.
func summarise(c correlate.Counts) Summary {
	return Summary{
		Emergency:     c[correlate.Emergency],
		Alert:         c[correlate.Alarm],
		Critical:      c[correlate.Critical],
		Error:         c[correlate.Error],
		Warning:       c[correlate.Warning],
		Notice:        c[correlate.Notice],
		Informational: c[correlate.Informational],
		Debug:         c[correlate.Debug],
	}
}

// windowOf is w in UTC, without what the process's own clock adds to a time.
func windowOf(w correlate.Window, firstPod bool) Window {
	return Window{Start: w.Start.UTC().Round(0), End: w.End.UTC().Round(0), FirstPod: firstPod}
}
