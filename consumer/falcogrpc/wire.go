package falcogrpc

import (
	"time"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// Numbers of the fields of falco.outputs.response, as in client-go's
// pkg/api/outputs.
const (
	fieldTime             = 1 // google.protobuf.Timestamp
	fieldPriority         = 2 // falco.schema.priority
	fieldSourceDeprecated = 3 // falco.schema.source
	fieldRule             = 4
	fieldOutput           = 5
	fieldOutputFields     = 6 // map<string, string>
	fieldHostname         = 7
	fieldTags             = 8 // repeated string
	fieldSource           = 9
)

// sources are the names of falco.schema.source by number. That field is no
// longer used by Falco itself: it says "plugin" for every source but these.
var sources = [...]string{"syscall", "k8s_audit", "internal", "plugin"}

// Decode reads one falco.outputs.response in protobuf's wire format into the
// normal form, the same that consumer.DecodeJSON gives for the alert's JSON. The
// error is always a *consumer.MalformedError. Safe for concurrent use; b is not
// kept.
//
// It reads the wire format by hand because that costs a quarter of the generated
// code's time, and is held to the generated code by tests: unknown fields and
// fields of another wire type are passed over, of a repeated scalar the last one
// counts, timestamps are merged, strings must be UTF-8. A priority that was not
// set can't be told from Falco's number 0 and is Emergency, the cautious side.
func Decode(b []byte) (*correlate.Alert, error) {
	// One copy for all strings of the alert, which are parts of it.
	m := message{text: string(b)}
	m.readAll(b)
	if m.wrong != nil || m.framing != highBytes(b) {
		// Strings may not be ASCII: once more, with a check of each.
		m = message{text: m.text, check: true}
		m.readAll(b)
	}
	a := m.alert()
	if m.wrong == nil {
		if err := consumer.Check(a); err != nil {
			return nil, err
		}
		return a, nil
	}
	m.wrong.Hostname = m.textAt(m.hostname)
	return nil, m.wrong
}

// message is the state of one Decode. It stays on the stack, and places in the
// text stand for strings until all is read: strings that are moved while they
// are sorted would keep the garbage collector busy.
type message struct {
	text string

	rule, output, hostname, source place

	fields     [32]entry // as many as nearly all alerts have
	moreFields []entry   // those behind them
	nFields    int
	tags       [16]place
	moreTags   []place
	nTags      int

	hasTime          bool
	seconds          int64
	nanos            int32
	priority         int32
	sourceDeprecated int32

	check   bool // check each string for UTF-8
	framing int  // bytes above ASCII that belong to no string
	// wrong is the first thing that was wrong. Reading goes on behind a string
	// that is no UTF-8: the hostname may still come.
	wrong *consumer.MalformedError
}

func (m *message) fail(class consumer.Class, field, format string, args ...any) {
	if m.wrong == nil {
		m.wrong = consumer.Malformedf(class, field, format, args...)
	}
}

// alert makes the alert in its normal form of what was read, if that can be.
func (m *message) alert() *correlate.Alert {
	if m.wrong != nil {
		return nil
	}
	if !m.hasTime {
		m.fail(consumer.ClassMissing, "time", "want the time of the event, have none")
		return nil
	}
	// Seconds beyond this overflow time.Time and could come out as a good time.
	const most = 1 << 40
	if m.seconds < -most || m.seconds > most || m.nanos < 0 || m.nanos > 999_999_999 {
		m.fail(consumer.ClassValue, "time", "want seconds since the epoch and 0 to 999999999 nanoseconds, have %d and %d", m.seconds, m.nanos)
		return nil
	}
	// The enum counts from Emergency = 0, Priority from 1.
	if m.priority < 0 || m.priority >= int32(len(correlate.Priorities)) {
		m.fail(consumer.ClassValue, "priority", "want 0 (Emergency) to 7 (Debug), have %d", m.priority)
		return nil
	}
	source := m.textAt(m.source)
	if source == "" {
		if m.sourceDeprecated < 0 || int(m.sourceDeprecated) >= len(sources) {
			m.fail(consumer.ClassValue, "source_deprecated", "want 0 to %d, have %d", len(sources)-1, m.sourceDeprecated)
			return nil
		}
		source = sources[m.sourceDeprecated]
	}
	a, fields, tags := m.newAlert()
	*a = correlate.Alert{
		Hostname:     m.textAt(m.hostname),
		Source:       source,
		Rule:         m.textAt(m.rule),
		Priority:     correlate.Priorities[m.priority],
		Time:         time.Unix(m.seconds, int64(m.nanos)).UTC(),
		Output:       outputText(m.textAt(m.output)),
		OutputFields: m.sortedFields(fields),
		Tags:         m.tagsInOrder(tags),
	}
	return a
}
