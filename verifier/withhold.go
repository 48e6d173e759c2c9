package verifier

import (
	"fmt"
	"slices"

	"github.com/falcogate/falcogate/correlate"
)

// What Withhold leaves out of a verdict, by its name in an answer.
const (
	withheldRules    = "alerts_missing_by_rule"
	withheldBaseline = "baseline.alerts"
)

// Withholds reports whether Withhold would leave something out.
func (v *Verdict) Withholds() bool { return v.withholdsRules() || v.comparesOther() }

// comparesOther reports whether the baseline is of another namespace.
func (v *Verdict) comparesOther() bool {
	return v.Baseline != nil && v.Baseline.Namespace != v.Namespace
}

func (v *Verdict) withholdsRules() bool {
	return slices.ContainsFunc(v.Coverage.Gaps, func(g Gap) bool { return g.AlertsByRule != nil }) ||
		slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Reason == ReasonCode(correlate.GapMissing) })
}

// Withhold leaves out of the verdict what may tell of namespaces other than its
// own: the rules of alerts that never arrived, whose namespace nobody knows, and the
// alerts of a baseline in another namespace. That alerts are missing, how many, of which
// sensor and when stays: it is why there is no pass. Withheld then says so. The ID stays that of the whole verdict, which does
// not depend on them, and what was published is not touched.
func (v *Verdict) Withhold() {
	v.Withheld = nil
	if v.comparesOther() {
		baseline := *v.Baseline
		baseline.AlertCount, baseline.Alerts = 0, []Alert{}
		v.Baseline = &baseline
		v.Withheld = append(v.Withheld, withheldBaseline)
	}
	if !v.withholdsRules() {
		return
	}
	withholdRules(v.Coverage.Gaps)
	for i := range v.Reasons {
		if r := &v.Reasons[i]; r.Reason == ReasonCode(correlate.GapMissing) {
			r.Message = missingOf(r.Count, v.Coverage.Gaps)
		}
	}
	if len(v.Reasons) > 0 {
		v.Message = v.Reasons[0].Message
	}
	v.Withheld = append([]string{withheldRules}, v.Withheld...)
}

// withholding is a copy of the verdict without what Withhold leaves out.
func (v *Verdict) withholding() *Verdict {
	c := *v
	if v.Withholds() {
		c.Reasons, c.Coverage.Gaps = slices.Clone(v.Reasons), slices.Clone(v.Coverage.Gaps)
		c.Withhold()
	}
	return &c
}

// withholdRules leaves the rules out of gaps, and of their messages.
func withholdRules(gaps []Gap) {
	for i := range gaps {
		g := &gaps[i]
		g.AlertsByRule = nil
		if g.Kind == correlate.GapMissing {
			g.Message = gapMessage(&correlate.Gap{
				Kind: g.Kind, Sensor: g.Sensor, Source: g.Source, Start: g.Start, End: g.End, Missing: g.AlertsMissing,
			})
		}
	}
}

// missingOf is the message of a reason that n alerts are missing: that of the first
// such gap when it says it all.
func missingOf(n uint64, gaps []Gap) string {
	for i := range gaps {
		if g := &gaps[i]; g.Kind == correlate.GapMissing && g.AlertsMissing == n {
			return g.Message
		}
	}
	return fmt.Sprintf("%s that the needed sensors raised never arrived; the gaps say of which and when. Look for a second reader of Falco's gRPC output, and for times when the receiver of its HTTP output was away; then ask about a window after that.", plural(n))
}

// Withhold leaves out of the explanation what Verdict.Withhold does, and how many
// alerts the sensors raised and sent: those are of all namespaces together.
func (e *Explanation) Withhold() {
	e.Verdict.Withhold()
	if e.Recomputed != nil {
		e.Recomputed.Withhold()
	}
	for i := range e.Sensors {
		withholdRules(e.Sensors[i].Gaps)
		for _, span := range e.Sensors[i].Spans {
			if span.Count != nil {
				span.Count.Raised, span.Count.Received, span.Count.ByRule = nil, nil, nil
			}
		}
	}
	e.Withheld = []string{withheldRules, "missing_by_rule", "raised", "received"}
}
