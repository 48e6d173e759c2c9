package correlate

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// DefaultMaxSensors bounds Sensors unless another number is given.
const DefaultMaxSensors = 10_000

// SensorStatus is what is known of one sensor. The newest snapshot and ruleset
// are those that came last in the log.
type SensorStatus struct {
	Hostname   string
	FirstHeard time.Time // the earliest Received of its records
	LastHeard  time.Time // the latest
	LastLogged time.Time // log time of its latest record
	LastKind   string    // of its latest record, such as KindAlert

	LastSnapshot     time.Time     // event time of the newest; zero when there was none
	SnapshotInterval time.Duration // between the last two of one run and source; 0 when not known
	ClockOffset      time.Duration // the newest snapshot's Time less its Received: positive when the clock is ahead
	Run              Run           // of the newest snapshot
	Runs             uint64        // how many runs its snapshots told of, one after another

	Version string    // falco.version, of the newest ruleset
	Engine  string    // scap.engine_name, of the newest ruleset
	Ruleset RulesetID // the newest; zero when there was none
	Rules   int       // how many rules that lists

	Alerts    uint64 // alert records in the log; one stored twice counts twice
	Snapshots uint64
	Drops     uint64 // "syscall event drop" messages
	Timeouts  uint64 // "timeouts notification" messages
	Malformed uint64 // messages that could not be read

	MatchesTotal Counter // of the newest snapshot, as are those below
	QueueDrops   Counter
	KernelDrops  Counter
	KernelEvents Counter

	Proof SensorProof
}

// Sensors keeps one SensorStatus for each hostname in the log.
type Sensors struct {
	limit            int
	known            map[string]*sensor
	refused, unnamed uint64
	lastRefused      time.Time // log time; zero once that is forgotten

	names    *ruleNames
	rulesets map[RulesetID]*ruleset
	changes  Changes
	stats    *ProofStats
}

// sensor is a status and what is needed to continue it.
type sensor struct {
	SensorStatus
	// The source whose snapshots the interval is measured between, and when it
	// took its last: an engine with several sources takes one for each.
	source string
	taken  time.Time

	ledger ledger
}

// NewSensors makes an empty registry of at most maxSensors hostnames; zero or
// less is DefaultMaxSensors.
func NewSensors(maxSensors int) *Sensors {
	if maxSensors <= 0 {
		maxSensors = DefaultMaxSensors
	}
	return &Sensors{limit: maxSensors, known: map[string]*sensor{}, names: newRuleNames(), rulesets: map[RulesetID]*ruleset{}, stats: &ProofStats{}}
}

// Apply takes note of a record of any kind. A record of a sensor beyond the
// maximum is counted in Refused, one that names no sensor in Unnamed.
func (s *Sensors) Apply(rec *Record) { s.apply(rec, held) }

// apply is Apply with what became of an alert in the index: one that was there
// already is not counted twice.
func (s *Sensors) apply(rec *Record, became outcome) {
	hostname := rec.Body.Sensor()
	if hostname == "" {
		s.unnamed++
		return
	}
	known := s.known[hostname]
	if known == nil {
		if len(s.known) >= s.limit {
			s.refused++
			s.lastRefused = latest(s.lastRefused, rec.Logged)
			return
		}
		known = &sensor{ledger: newLedger(s.names, s.stats)}
		known.Hostname = strings.Clone(hostname)
		known.FirstHeard = rec.Received
		s.known[known.Hostname] = known
	}
	known.apply(rec)
	s.prove(known, rec, became)
}

func (s *sensor) apply(rec *Record) {
	s.LastKind = rec.Body.Kind()
	s.LastLogged = latest(s.LastLogged, rec.Logged)
	s.LastHeard = latest(s.LastHeard, rec.Received)
	if rec.Received.Before(s.FirstHeard) {
		s.FirstHeard = rec.Received
	}
	switch body := rec.Body.(type) {
	case *Alert:
		s.Alerts++
	case *Snapshot:
		s.Snapshots++
		s.snapshot(body, rec.Received)
	case *Ruleset:
		s.Ruleset, s.Rules = body.ID, len(body.Rules)
		s.Version, s.Engine = strings.Clone(body.Version), strings.Clone(body.Engine)
	case *Drop:
		s.Drops++
	case *Timeout:
		s.Timeouts++
	case *Malformed:
		s.Malformed++
	}
}

// snapshot takes over a snapshot. The newest is the last in the log, which keeps
// the order of each sensor, and not the one with the latest time: a clock that
// was ahead for a moment must not hide all that comes after.
func (s *sensor) snapshot(snap *Snapshot, received time.Time) {
	switch {
	case s.Runs == 0 || snap.Run != s.Run:
		s.Runs++
		s.source, s.taken = strings.Clone(snap.EventSource), snap.Time
	case snap.EventSource == s.source:
		// Not so after a second delivery, or when the clock was set back.
		if snap.Time.After(s.taken) {
			s.SnapshotInterval = snap.Time.Sub(s.taken)
		}
		s.taken = snap.Time
	}
	s.LastSnapshot, s.ClockOffset = snap.Time, snap.Time.Sub(received)
	s.Run = snap.Run
	s.MatchesTotal, s.QueueDrops = snap.MatchesTotal, snap.QueueDrops
	s.KernelDrops, s.KernelEvents = kernelDrops(snap), snap.KernelEvents
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Get returns the status of the sensor called hostname, and whether it is known.
func (s *Sensors) Get(hostname string) (SensorStatus, bool) {
	if known := s.known[hostname]; known != nil {
		return known.status(), true
	}
	return SensorStatus{}, false
}

// List returns all sensors, sorted by hostname. The slice is the caller's.
func (s *Sensors) List() []SensorStatus {
	list := make([]SensorStatus, 0, len(s.known))
	for _, hostname := range slices.Sorted(maps.Keys(s.known)) {
		list = append(list, s.known[hostname].status())
	}
	return list
}

// Len is how many sensors are known.
func (s *Sensors) Len() int { return len(s.known) }

// Refused is how many records came from sensors beyond the maximum. Unless it
// is zero, List may not be the whole truth.
func (s *Sensors) Refused() uint64 { return s.refused }

// Unnamed is how many records named no sensor.
func (s *Sensors) Unnamed() uint64 { return s.unnamed }

// refusedLately reports whether there are sensors that List does not have.
func (s *Sensors) refusedLately() bool { return !s.lastRefused.IsZero() }

// Forget removes the sensors whose latest record was logged before t, which
// makes room for others, and returns how many they were. Of the others it
// forgets what they proved of the time before t.
func (s *Sensors) Forget(t time.Time) int {
	before := len(s.known)
	maps.DeleteFunc(s.known, func(_ string, known *sensor) bool { return known.LastLogged.Before(t) })
	if s.lastRefused.Before(t) {
		s.lastRefused = time.Time{}
	}
	for _, rs := range s.rulesets {
		rs.used = false
	}
	for _, known := range s.known {
		known.ledger.forget(nanos(t) - clockMemory)
		known.ledger.mark()
	}
	maps.DeleteFunc(s.rulesets, func(_ RulesetID, rs *ruleset) bool { return !rs.used })
	return before - len(s.known)
}
