package verifier

import (
	"fmt"
	"slices"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// Placements says what the placements of pods, which a consumer takes from the
// Kubernetes API, do to a verdict.
type Placements string

// What placements do.
const (
	// PlacementsAuto: they are used as soon as the event log tells of them.
	PlacementsAuto Placements = "auto"
	// PlacementsRequired: no pass without them.
	PlacementsRequired Placements = "required"
	// PlacementsIgnored: the needed sensors are those of the list, or all.
	PlacementsIgnored Placements = "ignored"
)

// ParsePlacements reads one of the words above exactly as it is written.
func ParsePlacements(s string) (Placements, error) {
	switch p := Placements(s); p {
	case PlacementsAuto, PlacementsRequired, PlacementsIgnored:
		return p, nil
	}
	return "", fmt.Errorf("unknown use of placements %.40q: want %s, %s or %s", s, PlacementsAuto, PlacementsRequired, PlacementsIgnored)
}

const (
	// firstPodLookback is for how long before the first pod of a question without a
	// start it must be known that there was none before. It is also what such a
	// question is about as long as no pod is known.
	firstPodLookback = 5 * time.Minute
	// attributionTime is how long after an alert its container may still be told: the
	// kubelet reports a container some seconds after it began.
	attributionTime = 30 * time.Second
)

// place resolves from a state what the question leaves to placements: since when,
// which pods, and which sensors.
func (a *asked) place(state *correlate.State) {
	a.placed = a.implied || !a.scope.ByName() || a.placements == PlacementsRequired ||
		a.placements != PlacementsIgnored && state.Placing()
	if !a.placed {
		a.need = a.listed
		return
	}
	w := a.Window
	if a.implied {
		w.Start = a.begin(state.FirstPod(a.scope))
	}
	a.where = state.Placed(a.scope, w, a.policy.ClockSkew)
	if !a.scope.ByName() {
		a.inScope.Pods = a.where.Pods
		everyone := correlate.PodScope{Namespace: a.scope.Namespace}
		a.podless.Strangers = state.Placed(everyone, a.Window, a.policy.ClockSkew).Pods
	}
	a.need = slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.where.Sensors, a.listed))))
	if a.Sensor != "" {
		a.need = []string{a.Sensor}
	}
	if a.need == nil {
		a.need = []string{}
	}
}

// begin sets the start of a question that did not name one. It returns since when it
// must be known which pods there were.
func (a *asked) begin(first time.Time) (known time.Time) {
	start := first.Add(-a.policy.ClockSkew)
	if a.nobody = first.IsZero() || !start.Before(a.Window.End); a.nobody {
		start = a.Window.End.Add(-firstPodLookback)
	}
	if epoch := time.Unix(0, 0); start.Before(epoch) {
		start = epoch
	}
	a.Window.Start = start
	for _, q := range []*correlate.Query{&a.inScope, &a.podless, &a.unattributed, &a.host} {
		q.Window.Start = start
	}
	if a.nobody {
		return start
	}
	return start.Add(-firstPodLookback)
}

// seeing are the sensors that may have seen pods of the scope; nil means all. They are
// the needed ones, unless it is not known where all of the pods ran.
func (a *asked) seeing() []string {
	if a.placed && len(a.where.Unknown) > 0 && a.Sensor == "" {
		return nil
	}
	return a.need
}

// noWorkload reports whether it is known that nothing of the scope ran, or whether
// there is no pod that a question without a start could begin with.
func (a *asked) noWorkload() bool {
	return a.placed && (a.nobody || a.where.Ran == 0 && len(a.where.Unknown) == 0)
}

// unplaced are the gaps in what is known of placements.
func (a *asked) unplaced() []correlate.Gap {
	if !a.placed {
		return nil
	}
	var gaps []correlate.Gap
	for i, w := range a.where.Unknown {
		gaps = append(gaps, correlate.Gap{
			Kind: correlate.GapNoPlacement, Start: w.Start, End: w.End, Last: a.where.Known,
			Open: a.where.Open && i == len(a.where.Unknown)-1,
		})
	}
	return gaps
}

// explicable narrows a query to the alerts that a placement may still explain. It
// reports false where none will.
func (a *asked) explicable(q correlate.Query) (correlate.Query, bool) {
	if since := a.where.Known.Add(-attributionTime); since.After(q.Window.Start) {
		q.Window.Start = since
	}
	return q, a.placed && a.where.Watched && q.Window.Start.Before(q.Window.End)
}

// cover adds to the coverage by sensors what is known of placements.
func (a *asked) cover(state *correlate.State) correlate.Coverage {
	if a.placed && len(a.need) == 0 {
		return correlate.Coverage{Gaps: a.unplaced()}
	}
	c := state.Sensors().Coverage(a.Window, a.need, a.policy.tolerance())
	gaps := a.unplaced()
	if len(gaps) == 0 {
		return c
	}
	i := slices.IndexFunc(c.Gaps, func(g correlate.Gap) bool { return g.Kind != correlate.GapNoSensor })
	if i < 0 {
		i = len(c.Gaps)
	}
	c.Gaps = slices.Insert(c.Gaps, i, gaps...)
	return c
}
