package correlate

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Tolerance says what a proof may lack. The zero value tolerates nothing.
type Tolerance struct {
	// Settling is how long after an event its alert may be on its way through
	// Falco. A window is proven once the account is closed that long behind its
	// end. In the recordings alerts came up to 16 ms after a snapshot that was
	// younger than they.
	Settling time.Duration
	// ClockSkew is how far a sensor's clock may be off the log's.
	ClockSkew time.Duration
	// KernelDropRatio is the greatest ratio of scap.n_drops to scap.n_evts
	// between two snapshots that is no gap. From 1 on the counters need not be
	// reported either.
	KernelDropRatio float64
	// RequireRules are rules that every sensor must have loaded all the time, by
	// the name that their alerts have.
	RequireRules []string
}

// Coverage says how far the silence of sensors over a window is proven.
type Coverage struct {
	// Sensors are the needed ones, sorted by hostname.
	Sensors []string
	// Assumed is true when they are all that were heard, for want of a list.
	Assumed bool
	// Accounted and Heard are how many sensors have no gap at all, and none that
	// matters without counters.
	Accounted, Heard int
	// Gaps are what is missing, the worst kind first, then by sensor and start.
	Gaps []Gap
}

// Coverage says how far the needed sensors prove that every alert of the window
// arrived. Need names them; nil means all that were heard within the retention,
// and an empty list that nobody can.
// The window must be valid. It only reads; the caller keeps writers away.
func (s *Sensors) Coverage(w Window, need []string, tol Tolerance) Coverage {
	c := Coverage{Sensors: need, Assumed: need == nil}
	if c.Assumed {
		c.Sensors = make([]string, 0, len(s.known))
		for hostname := range s.known {
			c.Sensors = append(c.Sensors, hostname)
		}
	}
	c.Sensors = slices.Compact(slices.Sorted(slices.Values(c.Sensors)))
	if len(c.Sensors) == 0 || c.Assumed && s.refusedLately() {
		c.Gaps = append(c.Gaps, Gap{Kind: GapNoSensor, Start: w.Start, End: w.End})
	}
	q := newInspection(w, tol, s.names)
	for _, hostname := range c.Sensors {
		before := len(c.Gaps)
		known := s.known[hostname]
		if known == nil {
			c.Gaps = append(c.Gaps, Gap{Sensor: hostname, Kind: GapNoSensor, Start: w.Start, End: w.End})
			continue
		}
		q.sensor, q.gaps = hostname, c.Gaps
		q.inspect(&known.ledger)
		c.Gaps = q.gaps
		gaps := c.Gaps[before:]
		if len(gaps) == 0 {
			c.Accounted++
		}
		if !slices.ContainsFunc(gaps, func(g Gap) bool { return !g.CountersOnly }) {
			c.Heard++
		}
	}
	slices.SortStableFunc(c.Gaps, func(a, b Gap) int {
		return cmp.Or(
			cmp.Compare(a.Kind.severity(), b.Kind.severity()), cmp.Compare(a.Sensor, b.Sensor),
			a.Start.Compare(b.Start), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Rule, b.Rule),
		)
	})
	return c
}

// Proven is the instant up to which every needed sensor has a closed account,
// and the one up to which it was heard, before the settling margin; zero when
// one of them has none. Need is as in Coverage.
func (s *Sensors) Proven(need []string) (accounted, heard time.Time) {
	var a, h int64 = maxNanos, maxNanos
	take := func(known *sensor) {
		if known == nil {
			a, h = 0, 0
			return
		}
		a, h = min(a, known.ledger.accounted()), min(h, known.ledger.heard())
	}
	if need == nil {
		need = slices.Collect(maps.Keys(s.known))
	}
	if len(need) == 0 {
		take(nil) // nobody proves nothing
	}
	for _, hostname := range need {
		take(s.known[hostname])
	}
	return sometime(a), sometime(h)
}

// sometime is instant, with a zero time for 0.
func sometime(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return instant(ns)
}
