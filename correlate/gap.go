package correlate

import "time"

// GapKind names what a span of a sensor's time lacks to be proof.
type GapKind string

// Kinds of gaps, the worst first: what may have hidden an alert stands before
// what is only not known yet.
const (
	// GapNoSensor: nothing was ever heard from a sensor that is needed.
	GapNoSensor GapKind = "no_sensor"
	// GapNoPlacement: it is not known which pods ran, and on which nodes.
	GapNoPlacement GapKind = "no_placement"
	// GapMissing: alerts were raised and never arrived.
	GapMissing GapKind = "alerts_missing"
	// GapQueueDrops: falco.outputs_queue_num_drops rose.
	GapQueueDrops GapKind = "queue_drops"
	// GapMiscounted: more alerts arrived than were raised, so that a loss could
	// hide among them.
	GapMiscounted GapKind = "miscounted"
	// GapKernelDrops: scap.n_drops rose by more than is tolerated, or is not
	// reported.
	GapKernelDrops GapKind = "kernel_drops"
	// GapRestarted: another run began, or counters went backwards, or the sensor
	// does not say which run it is.
	GapRestarted GapKind = "restarted"
	// GapSilent: no snapshot for longer than the sensor's interval allows.
	GapSilent GapKind = "silent"
	// GapLate: an alert came that was older, by more than the settling margin,
	// than a snapshot before it.
	GapLate GapKind = "late"
	// GapClockSkew: the sensor's clock is off by more than is tolerated, or went
	// backwards.
	GapClockSkew GapKind = "clock_skew"
	// GapRulesChanged: the digests of the loaded rules changed.
	GapRulesChanged GapKind = "rules_changed"
	// GapRuleNotLoaded: a required rule is not among the counters.
	GapRuleNotLoaded GapKind = "rule_not_loaded"
	// GapNotCounted: the sensor does not report how many alerts it raised.
	GapNotCounted GapKind = "not_counted"
	// GapPending: the proof does not reach as far yet.
	GapPending GapKind = "pending"
)

// GapKinds lists all kinds, the worst first.
var GapKinds = [...]GapKind{
	GapNoSensor, GapNoPlacement, GapMissing, GapQueueDrops, GapMiscounted, GapKernelDrops, GapRestarted, GapSilent, GapLate,
	GapClockSkew, GapRulesChanged, GapRuleNotLoaded, GapNotCounted, GapPending,
}

// Gap is a span of a sensor's time that is not proven, and the figures behind
// it. Which figures are set depends on the kind.
type Gap struct {
	Sensor string // hostname; empty with GapNoSensor when there is no sensor at all
	Source string // event source; empty when it is about the whole sensor
	Kind   GapKind
	// Start and End are event times, by the sensor's clock. A gap may reach
	// beyond the window that was asked about.
	Start, End time.Time
	// Open is true when the gap may still close by itself.
	Open bool
	// CountersOnly is true when the gap matters to accounting alone and not to
	// whether the sensor was heard.
	CountersOnly bool
	// Unreported is true when the gap is a counter that the sensor leaves out.
	Unreported bool

	Missing, Surplus, QueueDrops uint64 // alerts
	KernelDrops, KernelEvents    uint64
	KernelDropRatio              float64       // the worst between two snapshots
	Skew                         time.Duration // positive when the clock is ahead
	Late                         time.Duration
	Lost                         []RuleLoss    // Missing by rule, as far as known; not to be changed
	Rule                         string        // that is required
	Last                         time.Time     // GapSilent, GapPending: the last snapshot heard; zero when none was
	Interval                     time.Duration // GapSilent, GapPending: the usual one; 0 when not known
}

// severity is the kind's place among GapKinds.
func (k GapKind) severity() int {
	for i, kind := range GapKinds {
		if kind == k {
			return i
		}
	}
	return len(GapKinds)
}

// kindOf pairs a flaw with the gap that it makes.
var kindOf = [...]struct {
	flaw flaws
	kind GapKind
}{
	{flawMissing, GapMissing},
	{flawQueueDrops, GapQueueDrops},
	{flawMiscounted, GapMiscounted},
	{flawKernelDrops | flawKernelUnknown, GapKernelDrops},
	{flawRestarted | flawRunUnknown, GapRestarted},
	{flawSilent, GapSilent},
	{flawClock, GapClockSkew},
	{flawRulesChanged, GapRulesChanged},
	{flawUncounted, GapNotCounted},
}

// joins reports whether the gap goes on with the next one of the same sensor.
func (g *Gap) joins(next *Gap) bool {
	return g.Source == next.Source && g.Kind == next.Kind && g.Rule == next.Rule &&
		g.Unreported == next.Unreported && g.Open == next.Open && !next.Start.After(g.End) && !g.Start.After(next.End)
}

// join makes one gap of two.
func (g *Gap) join(next *Gap) {
	if next.Start.Before(g.Start) {
		g.Start = next.Start
	}
	g.End = latest(g.End, next.End)
	g.Last = latest(g.Last, next.Last)
	g.Interval = max(g.Interval, next.Interval)
	g.Missing += next.Missing
	g.Surplus += next.Surplus
	g.QueueDrops += next.QueueDrops
	g.KernelDrops += next.KernelDrops
	g.KernelEvents += next.KernelEvents
	g.KernelDropRatio = max(g.KernelDropRatio, next.KernelDropRatio)
	g.Late = max(g.Late, next.Late)
	if next.Skew.Abs() > g.Skew.Abs() {
		g.Skew = next.Skew
	}
	g.Lost = joinLosses(g.Lost, next.Lost)
	g.CountersOnly = g.CountersOnly && next.CountersOnly
}
