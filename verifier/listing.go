package verifier

import (
	"context"

	"github.com/falcogate/falcogate/correlate"
)

// listing are the alerts that a verdict lists, as the index has them: newest first.
type listing struct {
	counted, excused, baseline []correlate.Entry
}

// listing is what a verdict lists of what was found, at most limit of each.
func (f *findings) listing(limit int) listing {
	l := listing{counted: f.entries, excused: f.excused[:min(limit, len(f.excused))]}
	if f.baseline != nil {
		l.baseline = f.baseline.compared[:min(limit, len(f.baseline.compared))]
	}
	return l
}

// list fills in the verdict's lists of alerts.
func (s *Service) list(ctx context.Context, v *Verdict, l listing) {
	v.Alerts = s.hydrate(ctx, l.counted)
	if v.Excused != nil {
		v.Excused.Alerts = s.hydrate(ctx, l.excused)
	}
	if v.Baseline != nil {
		v.Baseline.Alerts = s.hydrate(ctx, l.baseline)
	}
}

// unlist leaves the lists out, in what is v's own.
func (v *Verdict) unlist() {
	v.Alerts = nil
	if v.Excused != nil {
		excused := *v.Excused
		excused.Alerts = nil
		v.Excused = &excused
	}
	if v.Baseline != nil {
		baseline := *v.Baseline
		baseline.Alerts = nil
		v.Baseline = &baseline
	}
}

// shorten halves the longest of the lists, and reports whether there was one.
func (v *Verdict) shorten() bool {
	longest := &v.Alerts
	if v.Excused != nil && len(v.Excused.Alerts) > len(*longest) {
		longest = &v.Excused.Alerts
	}
	if v.Baseline != nil && len(v.Baseline.Alerts) > len(*longest) {
		longest = &v.Baseline.Alerts
	}
	n := len(*longest)
	if n == 0 {
		return false
	}
	*longest = (*longest)[:n/2]
	if longest == &v.Alerts {
		v.Truncated = true
	}
	return true
}

// excuses are those of the question that a verdict answers.
func (v *Verdict) excuses() Excuses {
	e := Excuses{MaxAlerts: v.MaxAlerts}
	if v.Excused != nil {
		for _, i := range v.Excused.Ignored {
			e.Ignore = append(e.Ignore, i.Ignore)
		}
	}
	if v.Baseline != nil {
		e.Baseline = &v.Baseline.Baseline
	}
	return e
}
