package correlate

import "time"

// Record is one entry of the event log.
type Record struct {
	// Position is the entry's place in the log, from 1 on, growing, with holes
	// where entries were evicted. Zero until the log has stored it.
	Position uint64
	// Logged is when the log stored the entry, by the log's clock. It never
	// goes backwards and is the only clock that correlate knows.
	Logged time.Time
	// Received is when the consumer received the message, by its own clock.
	Received time.Time
	// Transport is how it came: "grpc", "http" or "file".
	Transport string
	// ID names the message; a second delivery has the same ID.
	ID ID
	// Body is what was received.
	Body Body
}

// Body is what a record holds: *Alert, *Snapshot, *Ruleset, *Drop, *Timeout,
// *Internal, *Malformed, *Placement or *Watch.
type Body interface {
	// Kind names the body's type, as in the log's subjects.
	Kind() string
	// Sensor is the hostname of the Falco that it came from, or empty when a
	// malformed message did not tell.
	Sensor() string
}

// Kinds of bodies, as they stand in the log's subjects.
const (
	KindAlert     = "alert"
	KindSnapshot  = "snapshot"
	KindRuleset   = "ruleset"
	KindDrop      = "drop"
	KindTimeout   = "timeout"
	KindInternal  = "internal"
	KindMalformed = "malformed"
)

// Malformed is a message that could not be read. It is kept so that nothing
// that Falco said is lost without a trace.
type Malformed struct {
	Hostname string // when it could still be read
	Peer     string // the sender's address, or the Falco that was read
	Reason   string // what was expected, what came, and where
	Size     int    // bytes that came
	Raw      []byte // the first MalformedRawBytes of them
}

// MalformedRawBytes is how much of a malformed message is kept.
const MalformedRawBytes = 1024

// Kind is KindAlert.
func (*Alert) Kind() string { return KindAlert }

// Sensor is the alert's hostname.
func (a *Alert) Sensor() string { return a.Hostname }

// Kind is KindMalformed.
func (*Malformed) Kind() string { return KindMalformed }

// Sensor is the hostname, if it could be read.
func (m *Malformed) Sensor() string { return m.Hostname }
