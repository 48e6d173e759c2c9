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

// firstPodLookback is for how long before the first pod of a question without a
// start it must be known that there was none before.
const firstPodLookback = 5 * time.Minute

// place resolves from a state what the question leaves to placements: since when,
// which pods, and which sensors.
func (a *asked) place(state *correlate.State) {
	if a.implied {
		start := state.FirstPod(a.scope)
		if start.IsZero() {
			if start = state.Index().Floor(); start.IsZero() {
				start = time.Unix(0, 0)
			}
		}
		if !start.Before(a.Window.End) {
			start = a.Window.End.Add(-1)
		}
		a.since(start)
	}
	switch {
	case a.placements == PlacementsIgnored:
	case a.placements == PlacementsRequired, state.Placing(), !a.scope.ByName():
		a.placed = true
	}
	if !a.placed {
		a.need = a.listed
		return
	}
	w := a.Window
	if a.implied {
		w.Start = w.Start.Add(-firstPodLookback)
	}
	a.where = state.Placed(a.scope, w, a.policy.ClockSkew)
	if !a.scope.ByName() {
		a.inScope.Pods = a.where.Pods
	}
	a.need = slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.where.Sensors, a.listed))))
	if a.Sensor != "" {
		a.need = []string{a.Sensor}
	}
	if a.need == nil {
		a.need = []string{}
	}
}

// since sets the start of a question that did not name one.
func (a *asked) since(start time.Time) {
	a.Window.Start = start
	for _, q := range []*correlate.Query{&a.inScope, &a.podless, &a.unattributed, &a.host} {
		q.Window.Start = start
	}
}

// noWorkload reports whether it is known that nothing of the scope ran.
func (a *asked) noWorkload() bool {
	return a.placed && a.where.Ran == 0 && len(a.where.Unknown) == 0
}

// unplaced are the gaps in what is known of placements.
func (a *asked) unplaced() []correlate.Gap {
	if !a.placed {
		return nil
	}
	var gaps []correlate.Gap
	for i, w := range a.where.Unknown {
		last := i == len(a.where.Unknown)-1
		gaps = append(gaps, correlate.Gap{
			Kind: correlate.GapNoPlacement, Start: w.Start, End: w.End, Last: a.where.Known,
			Open: last && a.where.Open && w.End.After(a.Window.End),
		})
	}
	return gaps
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
