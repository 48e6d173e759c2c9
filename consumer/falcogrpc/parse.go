package falcogrpc

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/falcogate/falcogate/consumer"
)

// readAll reads the fields of the message b, of which m.text is a copy.
func (m *message) readAll(b []byte) {
	for at := 0; at < len(b); {
		num, typ, v, u, n := m.oneField(b[at:])
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

// readBytes reads a length-delimited field whose value v begins at at.
func (m *message) readBytes(num protowire.Number, v []byte, at int) {
	switch num {
	case fieldOutputFields:
		m.readEntry(v, at)
	case fieldTags:
		m.addTag(m.place(at, at+len(v), "tags"))
	case fieldTime:
		m.readTime(v)
	case fieldRule:
		m.rule = m.place(at, at+len(v), "rule")
	case fieldOutput:
		m.output = m.place(at, at+len(v), "output")
	case fieldHostname:
		m.hostname = m.place(at, at+len(v), "hostname")
	case fieldSource:
		m.source = m.place(at, at+len(v), "source")
	}
}

// readTime merges a google.protobuf.Timestamp into what came before.
func (m *message) readTime(b []byte) {
	m.hasTime = true
	for len(b) > 0 {
		num, typ, _, u, n := m.oneField(b)
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

// readEntry reads one entry of the map output_fields, which begins at at: a
// message with a key and a value, each empty when it is not there.
func (m *message) readEntry(b []byte, at int) {
	if key, ok := plainEntry(b); ok {
		m.addEntry(entry{
			name:  m.place(at+2, at+2+key, "output_fields"),
			value: m.place(at+4+key, at+len(b), "output_fields"),
		})
		return
	}
	var e entry
	for len(b) > 0 {
		num, typ, v, _, n := m.oneField(b)
		if n < 0 {
			m.wire(n)
			return
		}
		b, at = b[n:], at+n
		switch {
		case typ == protowire.BytesType && num == 1:
			e.name = m.place(at-len(v), at, "output_fields")
		case typ == protowire.BytesType && num == 2:
			e.value = m.place(at-len(v), at, "output_fields")
		}
	}
	m.addEntry(e)
}

// plainEntry reports whether an entry is a key and a value behind it, each shorter
// than 128 bytes, as nearly all are, and how long the key is.
func plainEntry(b []byte) (key int, ok bool) {
	const keyTag, valueTag = 1<<3 | byte(protowire.BytesType), 2<<3 | byte(protowire.BytesType)
	if len(b) < 4 || b[0] != keyTag || b[1] >= 0x80 {
		return 0, false
	}
	key = int(b[1])
	rest := len(b) - 4 - key
	return key, rest >= 0 && rest < 0x80 && b[2+key] == valueTag && int(b[3+key]) == rest
}

// oneField reads the field that b begins with: its number and wire type, its
// value when that is bytes or a varint, and how many bytes it takes in all, or
// protowire's error.
func (m *message) oneField(b []byte) (num protowire.Number, typ protowire.Type, v []byte, u uint64, n int) {
	// Nearly every field of an alert: bytes, with a tag and a length of one byte
	// each.
	if len(b) >= 2 && b[0]&0x87 == byte(protowire.BytesType) && b[0] >= 8 && b[1] < 0x80 && int(b[1]) <= len(b)-2 {
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
	n += value
	if typ == protowire.BytesType || typ == protowire.VarintType {
		// Two varints, of which all bytes but the last are above ASCII.
		m.framing += n - len(v) - 2
	}
	return num, typ, v, u, n
}

// highBytes counts the bytes above ASCII. When they all belong to the framing,
// the strings have none and need not be looked at one by one.
func highBytes(b []byte) (n int) {
	const high = 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b) & high)
	}
	for _, c := range b {
		n += int(c >> 7)
	}
	return n
}

// place is a place in the message that must hold UTF-8, or an empty one.
func (m *message) place(from, to int, field string) place {
	if m.check && !utf8.ValidString(m.text[from:to]) {
		m.fail(consumer.ClassUTF8, field, "want UTF-8, have %s", quote(m.text[from:to]))
		return place{}
	}
	return place{uint32(from), uint32(to)}
}

// wire notes an error of the wire format.
func (m *message) wire(n int) {
	m.fail(consumer.ClassSyntax, "", "want a falco.outputs.response in protobuf's wire format: %v", protowire.ParseError(n))
}
