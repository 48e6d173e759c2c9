package verifier

import (
	"slices"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// SensorTimeline is what one sensor's ledger has over a verdict's window.
type SensorTimeline struct {
	Hostname string         `json:"hostname"`
	Proven   bool           `json:"proven"` // it has no gap, by the verdict's policy
	Gaps     []Gap          `json:"gaps,omitzero"`
	Spans    []TimelineSpan `json:"spans"`
}

// TimelineSpan is a stretch of a sensor's time with its arithmetic.
type TimelineSpan struct {
	Of     string    `json:"of"`               // "heartbeat" or "account"
	Source string    `json:"source,omitzero"`  // event source of a heartbeat
	Start  time.Time `json:"start"`            //
	End    time.Time `json:"end"`              //
	State  string    `json:"state"`            // "proven", "flawed" or "open"
	Flaws  []string  `json:"flaws,omitzero"`   // kinds of gaps, tolerated or not
	Rules  int       `json:"rules,omitzero"`   // loaded, in a heartbeat
	Kernel *Kernel   `json:"kernel,omitzero"`  // of a heartbeat
	Count  *Count    `json:"account,omitzero"` // of an account
	// BehindSeconds is how far the sensor's clock was behind the event log's, the
	// way of the snapshots included; negative when it was ahead.
	BehindSeconds float64 `json:"behind_seconds,omitzero"`
}

// Kernel is what a heartbeat says of the kernel's events.
type Kernel struct {
	Drops  uint64 `json:"drops"`
	Events uint64 `json:"events"`
}

// Count is the arithmetic of an account: what the sensor raised, by its own
// counter, and what was received of it, of all namespaces together. Raised and
// Received are nil when they were withheld.
type Count struct {
	Raised      *uint64           `json:"raised,omitzero"`
	Received    *uint64           `json:"received,omitzero"`
	Missing     uint64            `json:"missing"`
	ByRule      map[string]uint64 `json:"missing_by_rule,omitzero"`
	Surplus     uint64            `json:"surplus"`
	QueueDrops  uint64            `json:"queue_drops"`
	LateSeconds float64           `json:"late_seconds"`
}

// timelines writes down the ledgers of the needed sensors.
func (e *Explanation) timelines(state *correlate.State, ask asked) {
	coverage := ask.cover(state)
	gaps := map[string][]Gap{}
	for i := range coverage.Gaps {
		g := &coverage.Gaps[i]
		gaps[g.Sensor] = append(gaps[g.Sensor], gapOf(g))
	}
	names := slices.Clone(coverage.Sensors)
	slices.SortStableFunc(names, func(a, b string) int {
		return min(len(gaps[b]), 1) - min(len(gaps[a]), 1)
	})
	e.Omitted = max(0, len(names)-MaxExplained)
	e.Sensors = []SensorTimeline{}
	for _, name := range names[:len(names)-e.Omitted] {
		t := SensorTimeline{Hostname: name, Proven: len(gaps[name]) == 0, Gaps: gaps[name], Spans: []TimelineSpan{}}
		for _, span := range state.Sensors().Spans(name, ask.Window, ask.policy.Settling) {
			t.Spans = append(t.Spans, timelineSpan(&span))
		}
		e.Sensors = append(e.Sensors, t)
	}
}

// timelineSpan writes down one span.
func timelineSpan(s *correlate.Span) TimelineSpan {
	out := TimelineSpan{Of: "heartbeat", Source: s.Source, Start: utc(s.Start), End: utc(s.End), State: "proven", Rules: s.Rules, BehindSeconds: s.Behind.Seconds()}
	for _, kind := range s.Kinds {
		out.Flaws = append(out.Flaws, string(kind))
		out.State = "flawed"
	}
	if s.Open {
		out.State = "open"
	}
	if !s.Account {
		out.Kernel = &Kernel{Drops: s.KernelDrops, Events: s.KernelEvents}
		return out
	}
	out.Of = "account"
	out.Count = &Count{
		Raised: &s.Raised, Received: &s.Received, Missing: s.Missing, Surplus: s.Surplus, QueueDrops: s.QueueDrops, LateSeconds: s.Late.Seconds(),
	}
	for _, l := range s.Lost {
		if out.Count.ByRule == nil {
			out.Count.ByRule = map[string]uint64{}
		}
		out.Count.ByRule[l.Rule] += l.Missing
	}
	return out
}
