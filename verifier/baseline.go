package verifier

import (
	"fmt"
	"slices"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// BaselineApplied is the baseline as a verdict repeats it, with what was found of it.
type BaselineApplied struct {
	Baseline
	// Window is what its alerts were looked for in: the verdict's, and Lookback
	// before it.
	Window Window `json:"window"`
	// Proven is true when its own silence could be told from blindness in all of that
	// window; else there is no pass, and Reasons say why.
	Proven  bool     `json:"proven"`
	Reasons []Reason `json:"reasons,omitzero"`
	// AlertCount counts its alerts at the verdict's severity or above. Alerts are the
	// newest of them, at most as many as the verdict's limit.
	AlertCount uint64  `json:"alert_count"`
	Alerts     []Alert `json:"alerts"`
}

// baselineFindings are what was found of a baseline.
type baselineFindings struct {
	ask       asked
	counts    correlate.Counts
	compared  []correlate.Entry // the newest
	obstacles []Reason          // against its proof, the worst first
}

// askBaseline checks the question that a baseline is. Its window is set by what is
// found of the question's own.
func (a *asked) askBaseline(now time.Time) error {
	b := a.Excuses.Baseline
	if b == nil {
		return nil
	}
	q := Question{
		Namespace: b.Namespace, Pods: b.pods(), Rule: a.Rule, Severity: a.Severity, Limit: a.Limit,
		Window: correlate.Window{Start: time.Unix(0, 0), End: a.Window.End},
	}
	policy := a.policy
	policy.HostAlerts = HostReport // these are nobody's excuse
	base, err := q.ask(now, policy, a.hosts, a.placements)
	if wrong, ok := err.(*FieldError); ok { //nolint:errorlint // ask returns it as it is
		return &FieldError{"baseline." + wrong.Field, wrong.Detail}
	}
	a.base = &base
	return err
}

// lookAtBaseline finds out what the baseline raised, and whether that is all. It is nil
// for a question without one.
func (a *asked) lookAtBaseline(state *correlate.State) (*baselineFindings, error) {
	if a.base == nil {
		return nil, nil
	}
	var f findings
	base := a.base
	if err := f.look(state, *base); err != nil {
		return nil, err
	}
	// The rules of alerts that never arrived may be of any namespace (Verdict.Withhold).
	f.coverage.Gaps = slices.Clone(f.coverage.Gaps)
	for i := range f.coverage.Gaps {
		f.coverage.Gaps[i].Lost = nil
	}
	compared, _, err := state.Index().List(base.inScope, correlate.NewestFirst, MaxCompared, correlate.Cursor{})
	return &baselineFindings{ask: *base, counts: f.counts, compared: compared, obstacles: obstacles(*base, f)}, err
}

// placeBaseline resolves what the baseline leaves to placements. The question's own
// window is known.
func (a *asked) placeBaseline(state *correlate.State) {
	if a.base == nil {
		return
	}
	start := a.Window.Start.Add(-time.Duration(a.Excuses.Baseline.Lookback))
	if epoch := time.Unix(0, 0); start.Before(epoch) {
		start = epoch
	}
	a.base.Window = correlate.Window{Start: start, End: a.Window.End}
	for _, q := range []*correlate.Query{&a.base.inScope, &a.base.podless, &a.base.unattributed, &a.base.host} {
		q.Window = a.base.Window
	}
	a.base.place(state)
}

// proving are the sensors whose proof a pass waits for: the needed ones, and those of
// the baseline. Nil means all.
func (a *asked) proving() []string {
	if a.base == nil || a.need == nil {
		return a.need
	}
	if a.base.need == nil {
		return nil
	}
	all := append(slices.Clone(a.need), a.base.need...)
	slices.Sort(all)
	return slices.Compact(all)
}

// baselineOf writes down what was found of a baseline; nil for a question without one.
func baselineOf(ask asked, f findings) *BaselineApplied {
	if f.baseline == nil {
		return nil
	}
	b := f.baseline
	return &BaselineApplied{
		Baseline: *ask.Excuses.Baseline, Window: windowOf(b.ask.Window, false),
		Proven: len(b.obstacles) == 0, Reasons: b.obstacles, AlertCount: b.counts.Total(),
	}
}

// reasonBaseline says that a baseline is not proven: what it lacks may be the same that
// the workload in its place lacks, and then their silence says nothing.
func reasonBaseline(b *baselineFindings) Reason {
	r := Reason{Reason: ReasonBaseline, Count: uint64(len(b.obstacles)), open: true}
	for _, o := range b.obstacles {
		r.open = r.open && o.open
	}
	r.Message = fmt.Sprintf("The baseline, namespace %s, is not proven from %s on: %s", b.ask.Namespace,
		stamp(b.ask.Window.Start), b.obstacles[0].Message)
	return r
}
