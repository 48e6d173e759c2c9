package verifier

import (
	"context"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// SensorList has all sensors heard within the retention.
type SensorList struct {
	Sensors []Sensor `json:"sensors"` // sorted by hostname
	// Refused counts messages from sensors beyond the number that is kept.
	// While it grows, the list is not the whole truth.
	Refused uint64 `json:"refused"`
	// Unnamed counts messages that named no sensor.
	Unnamed uint64 `json:"unnamed"`
	// AsOf is the position of the event log up to which sensors are listed.
	AsOf uint64 `json:"as_of"`
	// CaughtUp is false when that is not the log's end.
	CaughtUp    bool      `json:"caught_up"`
	EvaluatedAt time.Time `json:"evaluated_at"`
}

// Sensor is what is known of one Falco. Times that are not known and counters
// that it does not report are left out.
type Sensor struct {
	Hostname    string    `json:"hostname"`
	FirstHeard  time.Time `json:"first_heard,omitzero"` // by the consumer's clock
	LastHeard   time.Time `json:"last_heard,omitzero"`
	LastMessage string    `json:"last_message,omitzero"` // its kind, such as "alert"

	LastSnapshot time.Time `json:"last_snapshot,omitzero"` // by the sensor's clock
	// SnapshotIntervalSeconds is the time between the last two snapshots.
	SnapshotIntervalSeconds float64 `json:"snapshot_interval_seconds,omitzero"`
	// ClockOffsetSeconds is positive when the sensor's clock is ahead of the
	// consumer's, the message's way included. Without a snapshot it is left out.
	ClockOffsetSeconds *float64 `json:"clock_offset_seconds,omitzero"`
	// Started and Reloaded are falco.start_ts and falco.reload_ts.
	Started  time.Time `json:"started,omitzero"`
	Reloaded time.Time `json:"reloaded,omitzero"`
	Runs     uint64    `json:"runs"` // lives of its engine that were heard of

	Version string `json:"version,omitzero"` // falco.version
	Engine  string `json:"engine,omitzero"`  // scap.engine_name
	Ruleset string `json:"ruleset,omitzero"` // digest of what it has loaded
	Rules   int    `json:"rules"`            // in that ruleset

	Alerts    uint64 `json:"alerts"`
	Snapshots uint64 `json:"snapshots"`
	Drops     uint64 `json:"drops"`    // Falco's messages about dropped events
	Timeouts  uint64 `json:"timeouts"` // Falco's messages about missing events
	Malformed uint64 `json:"malformed"`

	MatchesTotal *uint64 `json:"matches_total,omitzero"` // falco.rules.matches_total
	QueueDrops   *uint64 `json:"queue_drops,omitzero"`   // falco.outputs_queue_num_drops
	KernelDrops  *uint64 `json:"kernel_drops,omitzero"`  // scap.n_drops

	// UsualIntervalSeconds is the interval that silence is judged by, once it is
	// known.
	UsualIntervalSeconds float64 `json:"usual_interval_seconds,omitzero"`
	// Watermark is up to when silence is proven with evidence=accounted,
	// HeardUntil with evidence=heard, both by the sensor's clock and less the
	// settling margin of the service's policy. Gaps before them are another matter.
	Watermark  time.Time `json:"watermark,omitzero"`
	HeardUntil time.Time `json:"heard_until,omitzero"`
	// Offset is o = R - M at the last snapshot: alerts received in this run, as
	// far as it was heard, less alerts raised by the sensor's counter. That it
	// does not change is what proves that none was lost.
	Offset *int64 `json:"offset,omitzero"`
	// BehindSeconds is how far its clock is behind the event log's, as far as its
	// snapshots tell; negative when it is ahead.
	BehindSeconds float64  `json:"behind_seconds,omitzero"`
	Sources       []string `json:"sources,omitzero"` // event sources of its snapshots
	Stale         uint64   `json:"stale_snapshots"`  // that came twice, or were overtaken
}

// Sensors lists the sensors.
func (s *Service) Sensors(ctx context.Context) *SensorList {
	list := &SensorList{CaughtUp: s.reachEnd(ctx, s.catchUp) == nil}
	var known []correlate.SensorStatus
	s.tail.View(func(state *correlate.State, asOf uint64) {
		sensors := state.Sensors()
		known, list.Refused, list.Unnamed, list.AsOf = sensors.List(), sensors.Refused(), sensors.Unnamed(), asOf
	})
	list.Sensors = make([]Sensor, len(known))
	for i := range known {
		list.Sensors[i] = sensorOf(&known[i], s.policy.Settling)
	}
	list.EvaluatedAt = s.now().UTC().Round(0)
	return list
}

func sensorOf(k *correlate.SensorStatus, settling time.Duration) Sensor {
	s := Sensor{
		Hostname:                k.Hostname,
		FirstHeard:              utc(k.FirstHeard),
		LastHeard:               utc(k.LastHeard),
		LastMessage:             k.LastKind,
		LastSnapshot:            utc(k.LastSnapshot),
		SnapshotIntervalSeconds: k.SnapshotInterval.Seconds(),
		Started:                 fromEpoch(k.Run.StartTS),
		Reloaded:                fromEpoch(k.Run.ReloadTS),
		Runs:                    k.Runs,
		Version:                 k.Version,
		Engine:                  k.Engine,
		Rules:                   k.Rules,
		Alerts:                  k.Alerts,
		Snapshots:               k.Snapshots,
		Drops:                   k.Drops,
		Timeouts:                k.Timeouts,
		Malformed:               k.Malformed,
		MatchesTotal:            reported(k.MatchesTotal),
		QueueDrops:              reported(k.QueueDrops),
		KernelDrops:             reported(k.KernelDrops),
		UsualIntervalSeconds:    k.Proof.UsualInterval.Seconds(),
		BehindSeconds:           k.Proof.Behind.Seconds(),
		Sources:                 k.Proof.Sources,
		Stale:                   k.Proof.Stale,
	}
	if !k.Proof.Accounted.IsZero() {
		s.Watermark = k.Proof.Accounted.Add(-settling)
	}
	if !k.Proof.Heard.IsZero() {
		s.HeardUntil = k.Proof.Heard.Add(-settling)
	}
	if k.Proof.OffsetKnown {
		s.Offset = &k.Proof.Offset
	}
	if k.Ruleset != (correlate.RulesetID{}) {
		s.Ruleset = k.Ruleset.String()
	}
	if !k.LastSnapshot.IsZero() {
		offset := k.ClockOffset.Seconds()
		s.ClockOffsetSeconds = &offset
	}
	return s
}

// utc keeps a zero time zero, whatever its location.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// fromEpoch turns nanoseconds since the epoch into a time; 0 means not known.
func fromEpoch(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// reported is the counter's number, or nil when the sensor left it out.
func reported(c correlate.Counter) *uint64 {
	if !c.Reported {
		return nil
	}
	return &c.N
}
