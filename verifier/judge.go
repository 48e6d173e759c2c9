package verifier

import (
	"slices"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// MaxGaps is how many gaps a verdict lists one by one.
const MaxGaps = 10

// MaxSensorNames is how many of the needed sensors a verdict names.
const MaxSensorNames = 16

// findings are all that a verdict is decided by, read from one state.
type findings struct {
	behind       error // why the end of the log was not reached; nil when it was
	asOf         uint64
	floor        time.Time
	counts       correlate.Counts
	entries      []correlate.Entry
	podless      uint64
	malformed    uint64
	unattributed uint64
	host         uint64
	// Those without pod and without namespace are so young that a placement may still
	// explain them.
	podlessOpen, unattributedOpen bool
	coverage                      correlate.Coverage

	// What excuses have to do with it: counts and entries are without these.
	excused      []correlate.Entry // newest first
	ignored      []uint64          // of them, by each of Excuses.Ignore
	alsoBaseline uint64            // of them
	baseline     *baselineFindings // nil without one
}

// judge answers a question from a state at one position. It is a pure function:
// the same question and the same records give the same verdict, byte for byte,
// but for what is left to fill in, Alerts and EvaluatedAt. What the question leaves to
// placements is filled in. The error is an *untoldError when the texts of alerts are
// needed first (Service.readTold), and means a defect otherwise.
func judge(state *correlate.State, asOf uint64, ask *asked, behind error) (*Verdict, listing, error) {
	ask.place(state)
	ask.placeBaseline(state)
	f := findings{behind: behind, asOf: asOf}
	if err := f.look(state, *ask); err != nil {
		return nil, listing{}, err
	}
	return decide(*ask, f), f.listing(ask.Limit), nil
}

// look reads from the state all that the verdict needs.
func (f *findings) look(state *correlate.State, ask asked) (err error) {
	x := state.Index()
	f.floor = x.Floor()
	if f.counts, err = x.Count(ask.inScope); err != nil { // mutate: equivalent, the list finds the same fault
		return err
	}
	if f.entries, _, err = x.List(ask.inScope, correlate.NewestFirst, ask.Limit, correlate.Cursor{}); err != nil {
		return err
	}
	// Of alerts that are not known to be the namespace's, those of the sensors that
	// may have seen its pods matter.
	total := func(q correlate.Query, sensors []string) (n uint64) {
		if len(sensors) == 0 || q.Scope == correlate.InNamespace {
			sensors = []string{q.Sensor} // of all
		}
		for _, q.Sensor = range sensors {
			if err == nil {
				var c correlate.Counts
				c, err = x.Count(q)
				n += c.Total()
			}
		}
		return n
	}
	open := func(q correlate.Query, n uint64) bool {
		young, some := ask.explicable(q)
		return n > 0 && some && total(young, ask.seeing()) == n
	}
	if ask.askPodless {
		f.podless = total(ask.podless, nil)
		f.podlessOpen = open(ask.podless, f.podless)
	}
	f.unattributed = total(ask.unattributed, ask.seeing())
	f.unattributedOpen = open(ask.unattributed, f.unattributed)
	f.host = total(ask.host, ask.need)
	f.malformed = state.Malformed(ask.Window, ask.seeing())
	f.coverage = ask.cover(state)
	if err != nil { // mutate: equivalent, the index refuses none of these and all the same
		return err
	}
	return f.excuse(state, ask)
}

// decide turns findings into a verdict. It is a pure function of its arguments.
//
// The order in which it decides is the whole point. An alert in scope fails,
// whatever else is missing. Otherwise whatever may hide an alert makes it
// inconclusive, also when silence is trusted: an index that is behind, a window
// below the floor, messages that could not be read, alerts of an unknown
// namespace or pod. Only then do the sensors' gaps decide, as far as the
// evidence that is asked for needs them.
func decide(ask asked, f findings) *Verdict {
	reasons := obstacles(ask, f)
	outcome, pending := Inconclusive, true
	for _, r := range reasons {
		pending = pending && r.open // nothing else stands against a pass
	}
	if failures := failures(ask, f); len(failures) > 0 {
		// A fail needs no proof. What may still be proven would change nothing.
		outcome, pending = Fail, false
		reasons = slices.DeleteFunc(reasons, func(r Reason) bool { return r.open && r.Reason != ReasonIndexBehind })
		reasons = slices.Concat(failures, reasons)
	} else if len(reasons) == 0 {
		outcome, pending = Pass, false
		reasons = append(reasons, reasonPass(ask, f))
	}

	v := &Verdict{
		Verdict:    outcome,
		Passed:     outcome == Pass,
		Pending:    pending,
		Reason:     reasons[0].Reason,
		Message:    reasons[0].Message,
		Reasons:    reasons,
		AlertCount: f.counts.Total(),
		Truncated:  f.counts.Total() > uint64(len(f.entries)),
		Summary:    summarise(f.counts),
		Namespace:  ask.Namespace,
		Pod:        ask.Pods.Name,
		Selector:   ask.Pods.Selector,
		Owner:      ask.Pods.Owner,
		Hash:       ask.Pods.Hash,
		VCluster:   ask.Pods.VCluster,
		Rule:       ask.Rule,
		Sensor:     ask.Sensor,
		Severity:   ask.Severity,
		Evidence:   ask.policy.Evidence,
		Policy:     policyOf(ask),
		Window:     windowOf(ask.Window, ask.implied),
		Limit:      ask.Limit,
		Coverage:   coverageOf(ask, f),
		HostAlerts: f.host,
		MaxAlerts:  ask.Excuses.MaxAlerts,
		Excused:    excusedOf(ask, f),
		Baseline:   baselineOf(ask, f),
		AsOf:       f.asOf,
	}
	v.ID = verdictID(v)
	return v
}

// failures are the reasons for a fail, the worst first.
func failures(ask asked, f findings) (reasons []Reason) {
	if f.counts.Total() > ask.Excuses.MaxAlerts {
		reasons = append(reasons, reasonAlerts(f, ask))
	}
	if f.host > 0 && ask.policy.HostAlerts == HostFail {
		reasons = append(reasons, reasonHostAlerts(f.host, ask))
	}
	return reasons
}

// obstacles are the reasons against a pass, the worst first.
func obstacles(ask asked, f findings) []Reason {
	var reasons []Reason
	add := func(there bool, reason func() Reason) {
		if there {
			reasons = append(reasons, reason())
		}
	}
	add(f.behind != nil, func() Reason { return reasonIndexBehind(f.behind) })
	add(ask.noWorkload(), func() Reason { return reasonNoWorkload(ask) })
	add(ask.Window.Start.Before(f.floor), func() Reason { return reasonEvicted(ask.Window.Start, f.floor) })
	add(f.host > 0 && ask.policy.HostAlerts == HostInconclusive, func() Reason { return reasonHostAlerts(f.host, ask) })
	add(f.malformed > 0, func() Reason { return reasonMalformed(f.malformed) })
	add(f.unattributed > 0, func() Reason { return reasonUnattributed(f, ask) })
	add(f.podless > 0, func() Reason { return reasonPodUnknown(f, ask) })
	gaps := reasonsOfGaps(needed(f.coverage.Gaps, ask.policy.Evidence))
	if f.baseline == nil || len(f.baseline.obstacles) == 0 {
		return append(reasons, gaps...)
	}
	base := reasonBaseline(f.baseline)
	if base.open {
		return append(append(reasons, gaps...), base)
	}
	return append(append(reasons, base), gaps...)
}

// needed are the gaps that matter to a level of evidence.
func needed(gaps []correlate.Gap, level Evidence) []correlate.Gap {
	switch level {
	case Accounted:
		return gaps
	case Heard:
		var list []correlate.Gap
		for _, g := range gaps {
			if !g.CountersOnly {
				list = append(list, g)
			}
		}
		return list
	case None:
		return nil
	}
	return gaps // what is not known is no reason to ask for less
}

// reached is the strictest level that nothing is missing for.
func reached(gaps []correlate.Gap) Evidence {
	for _, level := range []Evidence{Accounted, Heard} {
		if len(needed(gaps, level)) == 0 {
			return level
		}
	}
	return None
}
