package verifier

import (
	"context"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// How serious a finding is.
const (
	// SeverityError: no pass is possible, or alerts are being lost.
	SeverityError = "error"
	// SeverityWarning: proof is weaker, or comes later, than it could.
	SeverityWarning = "warning"
)

// diagnosedSpan is how far back a diagnosis looks for gaps, and slowInterval is an
// interval between snapshots that makes gates wait.
const (
	diagnosedSpan = time.Hour
	slowInterval  = time.Minute
	// severalRuns is how often a run must come back to be no late snapshot of a
	// Falco that was restarted.
	severalRuns = 4
)

// Diagnosis says what each sensor lacks for proof, from what it sends.
type Diagnosis struct {
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Findings []Finding `json:"findings"` // errors of all, then by sensor
	Sensors  int       `json:"sensors"`
	// AsOf is the position of the event log up to which was looked, CaughtUp is
	// false when that is not its end.
	AsOf        uint64    `json:"as_of"`
	CaughtUp    bool      `json:"caught_up"`
	EvaluatedAt time.Time `json:"evaluated_at"`
}

// Finding is one thing that stands in the way of proof, and what mends it.
type Finding struct {
	Severity string `json:"severity"`
	Sensor   string `json:"sensor,omitzero"`  // empty when it is about all
	Problem  string `json:"problem"`          // a code: a kind of gap, or what is not sent
	Message  string `json:"message"`          // what was seen
	Setting  string `json:"setting,omitzero"` // of Falco, to be set
}

// Diagnose looks at all sensors and at their gaps of the last hour.
func (s *Service) Diagnose(ctx context.Context) *Diagnosis {
	d := &Diagnosis{CaughtUp: s.reachEnd(ctx, s.catchUp) == nil, Findings: []Finding{}}
	s.tail.View(func(state *correlate.State, asOf uint64) {
		d.AsOf = asOf
		d.look(state, s.sensors, s.policy)
	})
	for _, f := range d.Findings {
		if f.Severity == SeverityError {
			d.Errors++
		} else {
			d.Warnings++
		}
	}
	d.EvaluatedAt = s.now().UTC().Round(0)
	return d
}

// look adds what is found in a state.
func (d *Diagnosis) look(state *correlate.State, need []string, policy Policy) {
	sensors := state.Sensors()
	known := sensors.List()
	d.Sensors = len(known)
	add := func(severity, sensor, problem, setting, format string, args ...any) {
		d.Findings = append(d.Findings, Finding{severity, sensor, problem, fmt.Sprintf(format, args...), setting})
	}
	if len(known) == 0 {
		add(SeverityError, "", "no_sensor", "http_output.enabled: true and http_output.url, or grpc_output.enabled: true (up to 0.43)",
			"no Falco was heard within the retention: nothing reads its gRPC output (--falco), or its HTTP output does not reach --ingest-listen")
	}
	if n := sensors.Unnamed(); n > 0 {
		add(SeverityError, "", "malformed", "json_output: true",
			"%d messages could not be read and do not say which sensor they came from: Falco writes text", n)
	}
	if n := state.Index().Stats().Unattributed; n > 0 {
		add(SeverityWarning, "", "unattributed", "append_output: [{suggested_output: true}]",
			"%d alerts have no namespace (k8s.ns.name); windows that hold one at their severity can't pass", n)
	}
	for i := range known {
		diagnoseSettings(&known[i], add)
	}
	if state.Logged().IsZero() {
		return
	}
	// The end is not looked at: the next snapshot is always still to come.
	window := correlate.Window{Start: state.Logged().Add(-diagnosedSpan), End: state.Logged()}
	seen := map[[2]string]bool{}
	for _, g := range sensors.Coverage(window, need, policy.tolerance()).Gaps {
		key := [2]string{g.Sensor, string(g.Kind)}
		// What came before the first snapshot is no fault, nor is what is pending.
		if seen[key] || g.Kind == correlate.GapPending || g.Kind == correlate.GapNotCounted || g.Unreported ||
			g.Kind == correlate.GapSilent && !g.Open && !g.Start.After(window.Start) {
			continue
		}
		seen[key] = true
		severity := SeverityError
		if g.Kind == correlate.GapRestarted || g.Kind == correlate.GapRulesChanged {
			severity = SeverityWarning
		}
		add(severity, g.Sensor, string(g.Kind), settingOf[g.Kind], "%s", gapMessage(&g))
	}
}

// settingOf is what of Falco's configuration mends a kind of gap.
var settingOf = map[correlate.GapKind]string{
	correlate.GapQueueDrops:    "outputs_queue.capacity: 0",
	correlate.GapKernelDrops:   "engine.modern_ebpf.buf_size_preset: 5 or more",
	correlate.GapMissing:       "one client of the gRPC output alone (disable falco-exporter and falcosidekick over gRPC)",
	correlate.GapRuleNotLoaded: "priority: debug, rules_files, metrics.include_empty_values: true",
}

// diagnoseSettings finds what a sensor does not send.
func diagnoseSettings(k *correlate.SensorStatus, add func(severity, sensor, problem, setting, format string, args ...any)) {
	if k.Malformed > 0 {
		add(SeverityError, k.Hostname, "malformed", "json_output: true for HTTP",
			"%d of its messages could not be read; see falcogate's log for why", k.Malformed)
	}
	if k.Snapshots == 0 {
		add(SeverityError, k.Hostname, "no_metrics", "metrics.enabled: true, metrics.output_rule: true, metrics.interval: 5s",
			"it sends alerts but no metrics snapshots, so that its silence can't be told from its absence")
		return
	}
	if !k.MatchesTotal.Reported {
		add(SeverityError, k.Hostname, "not_counted", "metrics.rules_counters_enabled: true, metrics.include_empty_values: true",
			"its last snapshot does not say how many alerts it raised (falco.rules.matches_total): no evidence above heard")
	} else if !k.Proof.RulesCounted {
		add(SeverityWarning, k.Hostname, "rules_not_counted", "metrics.rules_counters_enabled: true, metrics.include_empty_values: true",
			"its snapshots have no counters of single rules: a loss and an alert that overtook a snapshot can cancel out")
	}
	if !k.KernelDrops.Reported && !k.KernelEvents.Reported {
		add(SeverityError, k.Hostname, "kernel_not_counted", "metrics.kernel_event_counters_enabled: true",
			"its last snapshot does not say how many kernel events it dropped (scap.n_drops)")
	}
	if k.Run == (correlate.Run{}) {
		add(SeverityError, k.Hostname, "run_unknown", "Falco 0.38 or later",
			"its snapshots do not say when its engine started (falco.start_ts), so that a restart would not show")
	}
	if usual := k.Proof.UsualInterval; usual > slowInterval {
		add(SeverityWarning, k.Hostname, "interval", "metrics.interval: 5s",
			"it sends a snapshot every %s, and a gate waits for the next one", usual.Round(time.Second))
	}
	if k.Proof.RunsAlternate >= severalRuns {
		add(SeverityError, k.Hostname, "two_sensors", "FALCO_HOSTNAME, one for each Falco",
			"two Falcos send under this hostname: two runs of an engine alternate")
	}
}
