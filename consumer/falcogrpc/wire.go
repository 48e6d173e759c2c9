package falcogrpc

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

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

// sources are the names of falco.schema.source by number. The field is
// deprecated: it says "plugin" for every source but these.
var sources = [...]string{"syscall", "k8s_audit", "internal", "plugin"}

// Decode reads one falco.outputs.response in protobuf's wire format into the
// normal form, the same that consumer.DecodeJSON gives for the alert's JSON. The
// error is always a *consumer.MalformedError. Safe for concurrent use; b is not
// kept.
//
// It reads the wire format by hand because that costs a tenth of the generated
// code's time, and is held to the generated code by tests: unknown fields and
// fields of another wire type are passed over, of a repeated scalar the last one
// counts, timestamps are merged, strings must be UTF-8. A priority that was not
// set can't be told from Falco's number 0 and is Emergency, the cautious side.
func Decode(b []byte) (*correlate.Alert, error) {
	m := message{
		// One copy for all strings of the alert, which are parts of it.
		text:  string(b),
		alert: &correlate.Alert{},
	}
	m.readAll(b)
	a := m.alert
	if m.wrong == nil {
		m.finish()
	}
	if m.wrong == nil {
		if err := consumer.Check(a); err != nil {
			return nil, err
		}
		return a, nil
	}
	m.wrong.Hostname = a.Hostname
	return nil, m.wrong
}

// message is the state of one Decode. It stays on the stack, and places in the
// text stand for strings until all is read: strings that are moved while they
// are sorted would keep the garbage collector busy.
type message struct {
	text  string
	alert *correlate.Alert

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
	// wrong is the first thing that was wrong. Reading goes on behind a string
	// that is no UTF-8: the hostname may still come.
	wrong *consumer.MalformedError
}

// readAll reads the fields of the message b, of which m.text is a copy.
func (m *message) readAll(b []byte) {
	for at := 0; at < len(b); {
		num, typ, v, u, n := oneField(b[at:])
		if n < 0 {
			m.wire(n)
			return
		}
		at += n
		switch {
		case typ == protowire.BytesType:
			m.readBytes(num, v, at-len(v))
		case typ == protowire.VarintType && num == fieldPriority:
			m.priority = int32(u)
		case typ == protowire.VarintType && num == fieldSourceDeprecated:
			m.sourceDeprecated = int32(u)
		}
	}
}

// oneField reads the field that b begins with: its number and wire type, its
// value when that is bytes or a varint, and how many bytes it takes in all, or
// protowire's error.
func oneField(b []byte) (num protowire.Number, typ protowire.Type, v []byte, u uint64, n int) {
	// Nearly every field of an alert: bytes, with a tag and a length of one byte
	// each.
	if len(b) >= 2 && b[0]&0x87 == byte(protowire.BytesType) && b[0] >= 8 && int(b[1]) <= len(b)-2 && b[1] < 0x80 {
		n = 2 + int(b[1])
		return protowire.Number(b[0] >> 3), protowire.BytesType, b[2:n], 0, n
	}
	num, typ, n = protowire.ConsumeTag(b)
	if n < 0 {
		return num, typ, nil, 0, n
	}
	var value int
	switch typ {
	case protowire.BytesType:
		v, value = protowire.ConsumeBytes(b[n:])
	case protowire.VarintType:
		u, value = protowire.ConsumeVarint(b[n:])
	default:
		value = protowire.ConsumeFieldValue(num, typ, b[n:])
	}
	if value < 0 {
		return num, typ, nil, 0, value
	}
	return num, typ, v, u, n + value
}

// readBytes reads a length-delimited field whose value v begins at at.
func (m *message) readBytes(num protowire.Number, v []byte, at int) {
	a := m.alert
	switch num {
	case fieldTime:
		m.readTime(v)
	case fieldRule:
		a.Rule = m.string(at, at+len(v), "rule")
	case fieldOutput:
		a.Output = m.string(at, at+len(v), "output")
	case fieldOutputFields:
		m.readField(v, at)
	case fieldHostname:
		a.Hostname = m.string(at, at+len(v), "hostname")
	case fieldTags:
		m.addTag(m.valid(at, at+len(v), "tags"))
	case fieldSource:
		a.Source = m.string(at, at+len(v), "source")
	}
}

// readTime merges a google.protobuf.Timestamp into what came before.
func (m *message) readTime(b []byte) {
	m.hasTime = true
	for len(b) > 0 {
		num, typ, _, u, n := oneField(b)
		switch {
		case n < 0:
			m.wire(n)
			return
		case typ == protowire.VarintType && num == 1:
			m.seconds = int64(u)
		case typ == protowire.VarintType && num == 2:
			m.nanos = int32(u)
		}
		b = b[n:]
	}
}

// readField reads one entry of the map output_fields, which begins at at: a
// message with a key and a value, each empty when it is not there.
func (m *message) readField(b []byte, at int) {
	known := ascii(b) // then so are key and value
	if key, ok := plainEntry(b); ok && known {
		m.addField(entry{
			name:  place{uint32(at + 2), uint32(at + 2 + key)},
			value: place{uint32(at + 4 + key), uint32(at + len(b))},
		})
		return
	}
	var e entry
	for len(b) > 0 {
		num, typ, v, _, n := oneField(b)
		if n < 0 {
			m.wire(n)
			return
		}
		b, at = b[n:], at+n
		switch {
		case typ == protowire.BytesType && num == 1:
			e.name = m.place(known, at-len(v), at)
		case typ == protowire.BytesType && num == 2:
			e.value = m.place(known, at-len(v), at)
		}
	}
	m.addField(e)
}

// plainEntry reports whether an entry is just a key and a value behind it, each
// shorter than 128 bytes, and how long the key is.
func plainEntry(b []byte) (key int, ok bool) {
	const keyTag, valueTag = 1<<3 | byte(protowire.BytesType), 2<<3 | byte(protowire.BytesType)
	if len(b) < 4 || b[0] != keyTag || b[1] >= 0x80 {
		return 0, false
	}
	key = int(b[1])
	rest := len(b) - 4 - key
	return key, rest >= 0 && rest < 0x80 && b[2+key] == valueTag && int(b[3+key]) == rest
}

// string is a part of the message, which must be UTF-8.
func (m *message) string(from, to int, field string) string {
	return m.textAt(m.valid(from, to, field))
}

// place is a place in output_fields, which is known to be UTF-8 or must be.
func (m *message) place(known bool, from, to int) place {
	if known {
		return place{uint32(from), uint32(to)}
	}
	return m.valid(from, to, "output_fields")
}

// ascii reports whether b is all ASCII.
func ascii(b []byte) bool {
	const high = 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&high != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// valid is a place in the message if it holds UTF-8, else an empty one.
func (m *message) valid(from, to int, field string) place {
	if !utf8.ValidString(m.text[from:to]) {
		m.fail(consumer.ClassUTF8, field, "want UTF-8, have %s", quote(m.text[from:to]))
		return place{}
	}
	return place{uint32(from), uint32(to)}
}

// wire notes an error of the wire format.
func (m *message) wire(n int) {
	m.fail(consumer.ClassSyntax, "", "want a falco.outputs.response in protobuf's wire format: %v", protowire.ParseError(n))
}

func (m *message) fail(class consumer.Class, field, format string, args ...any) {
	if m.wrong == nil {
		m.wrong = consumer.Malformedf(class, field, format, args...)
	}
}

// finish turns what was read into the normal form.
func (m *message) finish() {
	a := m.alert
	if !m.hasTime {
		m.fail(consumer.ClassMissing, "time", "want the time of the event, have none")
		return
	}
	// Seconds beyond this overflow time.Time and could come out as a good time.
	const most = 1 << 40
	if m.seconds < -most || m.seconds > most || m.nanos < 0 || m.nanos > 999_999_999 {
		m.fail(consumer.ClassValue, "time", "want seconds since the epoch and 0 to 999999999 nanoseconds, have %d and %d", m.seconds, m.nanos)
		return
	}
	a.Time = time.Unix(m.seconds, int64(m.nanos)).UTC()
	// The enum counts from Emergency = 0, Priority from 1.
	if m.priority < 0 || m.priority >= int32(len(correlate.Priorities)) {
		m.fail(consumer.ClassValue, "priority", "want 0 (Emergency) to 7 (Debug), have %d", m.priority)
		return
	}
	a.Priority = correlate.Priorities[m.priority]
	if a.Source == "" {
		if m.sourceDeprecated < 0 || int(m.sourceDeprecated) >= len(sources) {
			m.fail(consumer.ClassValue, "source_deprecated", "want 0 to %d, have %d", len(sources)-1, m.sourceDeprecated)
			return
		}
		a.Source = sources[m.sourceDeprecated]
	}
	a.Output = outputText(a.Output)
	a.OutputFields = m.sortedFields()
	a.Tags = m.tagsInOrder()
}
