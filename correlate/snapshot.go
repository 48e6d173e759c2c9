package correlate

import (
	"encoding/hex"
	"time"
)

// Run is one life of a sensor's engine: falco.start_ts and falco.reload_ts, in
// nanoseconds since the epoch. A change of either is a new run, with counters
// back at zero. The zero value means that the sensor did not report it.
type Run struct {
	StartTS, ReloadTS int64
}

// Counter is a number that a sensor may leave out: Falco omits counters that
// are switched off, and zeros unless include_empty_values is set.
type Counter struct {
	N        uint64
	Reported bool
}

// Snapshot is what is kept of Falco's "metrics snapshot" message: what the
// proof and the view of the sensors need. Falco's message has about 150 fields
// and 7.4 kB; this is stored in 1 kB or less.
type Snapshot struct {
	Hostname    string
	Time        time.Time // when it was taken (evt.time)
	EventSource string    // evt.source: which of the engine's sources took it
	Run         Run

	// Ruleset names the Ruleset record that lists the rules which RuleMatches
	// counts. Zero when the sensor reported neither per-rule counters nor files.
	Ruleset RulesetID
	// RuleMatches has falco.rules.<rule>, in the order of Ruleset.Rules.
	RuleMatches []uint64

	MatchesTotal    Counter // falco.rules.matches_total: alerts raised in this run
	QueueDrops      Counter // falco.outputs_queue_num_drops
	EventsProcessed Counter // falco.num_evts
	KernelEvents    Counter // scap.n_evts
	KernelDrops     Counter // scap.n_drops
}

// RulesetID is a digest of a Ruleset's content, its sensor and time apart.
type RulesetID [16]byte

// String is the digest in 32 hexadecimal digits.
func (id RulesetID) String() string { return hex.EncodeToString(id[:]) }

// Ruleset is what an engine has loaded: the part of a snapshot that changes only
// when Falco is restarted or reloaded. It is logged when it changes and again
// from time to time, always before the snapshots that cite it.
type Ruleset struct {
	Hostname string
	Time     time.Time // of the snapshot it was taken from
	ID       RulesetID
	// Rules are the names of the per-rule counters, sorted, as Falco writes
	// them: every character but letters, digits and _ replaced by _.
	Rules []string
	// RulesFiles and ConfigFiles are falco.sha256_rules_file.* and
	// falco.sha256_config_file.*, sorted by name.
	RulesFiles  []Field
	ConfigFiles []Field
	Version     string // falco.version
	Engine      string // scap.engine_name
}

// Drop is Falco's "syscall event drop" message. It is rate-limited and tells
// less than Snapshot.KernelDrops does.
type Drop struct {
	Hostname     string
	Time         time.Time
	Events       Counter // n_evts
	Drops        Counter // n_drops
	OutputFields Fields
}

// Timeout is Falco's "timeouts notification": its engine saw no events for a
// while.
type Timeout struct {
	Hostname      string
	Time          time.Time
	LastEventTime string // last_event_time, as Falco wrote it
}

// Internal is any other message of Falco about itself.
type Internal struct {
	Hostname     string
	Rule         string
	Time         time.Time
	Output       string
	OutputFields Fields
}

// Kind is KindSnapshot.
func (*Snapshot) Kind() string { return KindSnapshot }

// Sensor is the snapshot's hostname.
func (s *Snapshot) Sensor() string { return s.Hostname }

// Kind is KindRuleset.
func (*Ruleset) Kind() string { return KindRuleset }

// Sensor is the hostname of the Falco that loaded it.
func (r *Ruleset) Sensor() string { return r.Hostname }

// Kind is KindDrop.
func (*Drop) Kind() string { return KindDrop }

// Sensor is the hostname of the Falco that dropped.
func (d *Drop) Sensor() string { return d.Hostname }

// Kind is KindTimeout.
func (*Timeout) Kind() string { return KindTimeout }

// Sensor is the hostname of the Falco that timed out.
func (t *Timeout) Sensor() string { return t.Hostname }

// Kind is KindInternal.
func (*Internal) Kind() string { return KindInternal }

// Sensor is the message's hostname.
func (i *Internal) Sensor() string { return i.Hostname }
