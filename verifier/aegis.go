package verifier

import (
	"math"
	"strings"
	"time"
)

// Aegis is a verdict in the form that AEGIS' shadow verification has of its scrape of
// Falco's log (src/aegis/security/falco.py), for callers of that: they read Passed, Skipped
// and AlertCount. Passed is true for a pass alone, and nothing is ever skipped.
type Aegis struct {
	Tool    string `json:"tool"` // "falco"
	Passed  bool   `json:"passed"`
	Skipped bool   `json:"skipped"` // false
	// Reason is the verdict's message; of an inconclusive with "inconclusive: " in front.
	Reason          string `json:"reason"`
	NamespaceFilter string `json:"namespace_filter"`
	// FalcoNamespace and LabelSelector say of the scrape which pods it read. No pods are
	// read here: they are empty.
	FalcoNamespace string `json:"falco_namespace"`
	LabelSelector  string `json:"label_selector"`
	SinceTimestamp string `json:"since_timestamp"` // the window's start, RFC 3339; empty without an answer
	SinceMinutes   int    `json:"since_minutes"`   // its length, rounded up
	// SeverityThreshold is a priority of Falco's in capitals.
	SeverityThreshold string       `json:"severity_threshold"`
	AlertCount        uint64       `json:"alert_count"`
	Summary           AegisSummary `json:"summary"`
	Alerts            []Alert      `json:"alerts"`          // as the verdict lists them, newest first
	RawLinesCount     uint64       `json:"raw_lines_count"` // AlertCount: what is counted was read
	Stderr            string       `json:"stderr"`          // why there is no answer, if there is none
}

// AegisSummary counts the alerts by the severities that AEGIS knows. Critical has those
// that are more severe too, and Other those that are less severe than Warning.
type AegisSummary struct {
	Critical uint64 `json:"critical"`
	Error    uint64 `json:"error"`
	Warning  uint64 `json:"warning"`
	Other    uint64 `json:"other"`
}

// Aegis is the verdict in AEGIS' form.
func (v *Verdict) Aegis() Aegis {
	s := v.Summary
	a := Aegis{
		Tool: "falco", Passed: v.Verdict == Pass, Reason: v.Message, NamespaceFilter: v.Namespace,
		SinceTimestamp: v.Window.Start.UTC().Format(time.RFC3339Nano), SinceMinutes: int(math.Ceil(v.Window.End.Sub(v.Window.Start).Minutes())),
		SeverityThreshold: strings.ToUpper(v.Severity.String()), AlertCount: v.AlertCount, RawLinesCount: v.AlertCount, Alerts: v.Alerts,
		Summary: AegisSummary{
			Critical: s.Emergency + s.Alert + s.Critical, Error: s.Error, Warning: s.Warning, Other: s.Notice + s.Informational + s.Debug,
		},
	}
	if v.Verdict == Inconclusive {
		a.Reason = "inconclusive: " + a.Reason
	}
	if a.Alerts == nil {
		a.Alerts = []Alert{}
	}
	return a
}

// UnansweredAegis is what AEGIS' form says when there is no verdict, and why.
func UnansweredAegis(why string) Aegis {
	return Aegis{Tool: "falco", Reason: "inconclusive: " + why, Alerts: []Alert{}, Stderr: why}
}
