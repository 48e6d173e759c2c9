package verifier

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/correlate"
)

// Coverage says what is known of the window besides its alerts.
type Coverage struct {
	// Evidence is the level that was reached: what the verdict rests on.
	Evidence Evidence `json:"evidence"`
	// SensorCount is how many sensors are needed, Accounted and Heard how many of
	// them reach those levels. Sensors names the first MaxSensorNames.
	SensorCount int      `json:"sensor_count"`
	Accounted   int      `json:"accounted"`
	Heard       int      `json:"heard"`
	Sensors     []string `json:"sensors"`
	// Assumed is true when the needed sensors are all that were heard within the
	// retention, for want of a list: one that was never heard is not among them.
	Assumed bool `json:"assumed"`
	// Nodes names the first MaxSensorNames of the nodes where pods of the scope ran,
	// and Pods counts those that had a container running; both are left out where
	// placements are not used.
	Nodes []string `json:"nodes,omitzero"`
	Pods  int      `json:"pods,omitzero"`
	// Gaps are the first MaxGaps of the GapCount that there are, the worst first.
	Gaps     []Gap `json:"gaps"`
	GapCount int   `json:"gap_count"`
	// Malformed counts the messages that could not be read and may tell of the
	// window: too many rather than too few.
	Malformed uint64 `json:"malformed"`
	// Unattributed counts the alerts at the question's severity or above, in
	// the window, that could belong to its scope: of an unknown namespace.
	Unattributed uint64 `json:"unattributed"`
	// WithoutPod counts the alerts of the namespace that name no pod. It is 0
	// when the question does not ask for pods.
	WithoutPod uint64 `json:"without_pod"`
	// Floor is the event time below which alerts are not kept any more. It is
	// left out when the window lies above it.
	Floor time.Time `json:"floor,omitzero"`
}

// Gap is a span of a sensor's time that is not proven, with the figures behind
// it: those that its kind has.
type Gap struct {
	Sensor  string            `json:"sensor,omitzero"`
	Source  string            `json:"source,omitzero"` // event source, where the sensor has several
	Kind    correlate.GapKind `json:"kind"`
	Start   time.Time         `json:"start"`
	End     time.Time         `json:"end"`
	Pending bool              `json:"pending,omitzero"` // it may still close by itself
	Message string            `json:"message"`          // what is missing, and what to do about it

	AlertsMissing   uint64            `json:"alerts_missing,omitzero"`
	AlertsByRule    map[string]uint64 `json:"alerts_missing_by_rule,omitzero"`
	AlertsSurplus   uint64            `json:"alerts_surplus,omitzero"`
	QueueDrops      uint64            `json:"queue_drops,omitzero"`
	KernelDrops     uint64            `json:"kernel_drops,omitzero"`
	KernelEvents    uint64            `json:"kernel_events,omitzero"`
	KernelDropRatio float64           `json:"kernel_drop_ratio,omitzero"`
	SkewSeconds     float64           `json:"skew_seconds,omitzero"` // positive: the sensor's clock is ahead
	LateSeconds     float64           `json:"late_seconds,omitzero"`
	Rule            string            `json:"rule,omitzero"`
	LastSnapshot    time.Time         `json:"last_snapshot,omitzero"`
}

// coverageOf writes down what was found besides alerts in scope.
func coverageOf(ask asked, f findings) Coverage {
	c := Coverage{
		Evidence:     evidenceOf(ask, f),
		SensorCount:  len(f.coverage.Sensors),
		Accounted:    f.coverage.Accounted,
		Heard:        f.coverage.Heard,
		Sensors:      append([]string{}, f.coverage.Sensors[:min(len(f.coverage.Sensors), MaxSensorNames)]...),
		Assumed:      f.coverage.Assumed,
		Gaps:         []Gap{},
		GapCount:     len(f.coverage.Gaps),
		Malformed:    f.malformed,
		Unattributed: f.unattributed,
		WithoutPod:   f.podless,
	}
	if ask.placed {
		c.Nodes, c.Pods = ask.where.Nodes[:min(len(ask.where.Nodes), MaxSensorNames)], ask.where.Ran
	}
	if ask.Window.Start.Before(f.floor) {
		c.Floor = utc(f.floor)
	}
	for i := range f.coverage.Gaps[:min(len(f.coverage.Gaps), MaxGaps)] {
		c.Gaps = append(c.Gaps, gapOf(&f.coverage.Gaps[i]))
	}
	return c
}

// evidenceOf is the level that was reached. Where nothing ran there is none.
func evidenceOf(ask asked, f findings) Evidence {
	if ask.noWorkload() {
		return None
	}
	return reached(f.coverage.Gaps)
}

// gapOf writes down one gap.
func gapOf(g *correlate.Gap) Gap {
	out := Gap{
		Sensor: g.Sensor, Source: g.Source, Kind: g.Kind, Start: utc(g.Start), End: utc(g.End), Pending: g.Open,
		Message:       gapMessage(g),
		AlertsMissing: g.Missing, AlertsSurplus: g.Surplus, QueueDrops: g.QueueDrops,
		KernelDrops: g.KernelDrops, KernelEvents: g.KernelEvents, KernelDropRatio: g.KernelDropRatio,
		SkewSeconds: g.Skew.Seconds(), LateSeconds: g.Late.Seconds(), Rule: g.Rule, LastSnapshot: utc(g.Last),
	}
	for _, l := range g.Lost {
		if out.AlertsByRule == nil {
			out.AlertsByRule = map[string]uint64{}
		}
		out.AlertsByRule[l.Rule] += l.Missing
	}
	return out
}

// policyOf is the policy that the question was answered by.
func policyOf(ask asked) PolicyApplied {
	p := PolicyApplied{
		Settling: Duration(ask.policy.Settling), ClockSkew: Duration(ask.policy.ClockSkew),
		MaxKernelDropRatio: ask.policy.MaxKernelDropRatio, HostAlerts: ask.policy.HostAlerts, RequireRules: ask.policy.RequireRules,
	}
	if ask.placements != PlacementsAuto {
		p.Placements = ask.placements
	}
	if ask.Sensor == "" {
		p.Sensors = ask.listed
	}
	return p
}

// verdictID hashes the verdict: the question, the position, and what came of it.
// The last is there because the same question may be answered in two ways at one
// position: when the index was behind, or the floor has moved. The texts of the
// alerts are left out; what the log holds at a position does not change. So is what
// Withhold leaves out: who is not shown it could find out by trying which guess gives
// the ID.
func verdictID(v *Verdict) string {
	named := v.withholding()
	named.ID, named.Alerts, named.EvaluatedAt, named.Withheld = "", nil, time.Time{}, nil
	named.unlist()
	data, err := json.Marshal(named, JSONOptions)
	if err != nil {
		panic("verifier: a verdict can't be encoded: " + err.Error()) // its types are all encodable
	}
	sum := sha256.Sum256(append([]byte("falcogate verdict 2\n"), data...))
	return hex.EncodeToString(sum[:16])
}
