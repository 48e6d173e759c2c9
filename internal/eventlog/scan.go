package eventlog

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/falcogate/falcogate/correlate"
)

// scanner walks the fields of one message of the wire format without
// allocating. Its strings are parts of text, which is data as a string.
type scanner struct {
	data     []byte
	text     string
	pos, end int

	num         protowire.Number
	typ         protowire.Type
	val         uint64 // of a varint
	start, stop int    // of a length-delimited value

	err error
}

func newScanner(data []byte) scanner {
	return scanner{data: data, text: string(data), end: len(data)}
}

// next moves to the next field. It returns false at the end and on an error.
func (s *scanner) next() bool {
	if s.pos >= s.end || s.err != nil {
		return false
	}
	tag, ok := s.varint()
	if !ok {
		return false
	}
	s.num, s.typ = protowire.DecodeTag(tag)
	if s.num < protowire.MinValidNumber {
		return s.fail(errors.New("field number out of range"))
	}
	switch s.typ {
	case protowire.VarintType:
		s.val, ok = s.varint()
		return ok
	case protowire.BytesType:
		size, ok := s.varint()
		if !ok {
			return false
		}
		if left := s.end - s.pos; size > uint64(left) {
			return s.fail(fmt.Errorf("it says it has %d bytes and %d are left", size, left))
		}
		s.start, s.stop = s.pos, s.pos+int(size)
		s.pos = s.stop
		return true
	}
	n := protowire.ConsumeFieldValue(s.num, s.typ, s.data[s.pos:s.end])
	if n < 0 {
		return s.fail(protowire.ParseError(n))
	}
	s.pos += n
	return true
}

// varint reads a number. Most have one byte.
func (s *scanner) varint() (uint64, bool) {
	if s.pos < s.end && s.data[s.pos] < 0x80 {
		v := s.data[s.pos]
		s.pos++
		return uint64(v), true
	}
	v, n := protowire.ConsumeVarint(s.data[s.pos:s.end])
	if n < 0 {
		return 0, s.fail(protowire.ParseError(n))
	}
	s.pos += n
	return v, true
}

// fail keeps the first error and where it was.
func (s *scanner) fail(err error) bool {
	if s.err == nil {
		s.err = fmt.Errorf("field %d at byte %d: %w", s.num, s.pos, err)
	}
	return false
}

// is checks the current field's wire type.
func (s *scanner) is(want protowire.Type) bool {
	if s.typ != want {
		return s.fail(fmt.Errorf("wire type %d, want %d", s.typ, want))
	}
	return true
}

func (s *scanner) uint() uint64 {
	if !s.is(protowire.VarintType) {
		return 0
	}
	return s.val
}

func (s *scanner) sint() int64 { return protowire.DecodeZigZag(s.uint()) }

func (s *scanner) string() string {
	if !s.is(protowire.BytesType) {
		return ""
	}
	return s.text[s.start:s.stop]
}

// id reads 16 bytes.
func (s *scanner) id() (id [16]byte) {
	if s.is(protowire.BytesType) && copy(id[:], s.data[s.start:s.stop]) != s.stop-s.start || s.stop-s.start != len(id) {
		s.fail(fmt.Errorf("%d bytes, want %d", s.stop-s.start, len(id)))
	}
	return id
}

func (s *scanner) counter() correlate.Counter {
	return correlate.Counter{N: s.uint(), Reported: true}
}

// message is a scanner over the current field's value.
func (s *scanner) message() scanner {
	if !s.is(protowire.BytesType) {
		return scanner{}
	}
	return scanner{data: s.data, text: s.text, pos: s.start, end: s.stop}
}

// done takes over the error of a scanner that message gave.
func (s *scanner) done(inner *scanner) {
	if inner.err != nil {
		s.fail(inner.err)
	}
}

// count says how many fields of a number are still to come, so that a list is
// allocated once.
func (s *scanner) count(num protowire.Number) int {
	ahead, n := *s, 0
	for ahead.next() {
		if ahead.num == num {
			n++
		}
	}
	return n
}

func (s *scanner) field() (f correlate.Field) {
	m := s.message()
	for m.next() {
		switch m.num {
		case 1:
			f.Name = m.string()
		case 2:
			f.Value = m.string()
		}
	}
	s.done(&m)
	return f
}

// instant gathers the two fields of a time.
type instant struct {
	seconds int64
	nanos   uint64
}

func (i *instant) time(s *scanner) time.Time {
	if i.nanos >= uint64(time.Second) {
		s.fail(fmt.Errorf("%d nanoseconds, want less than a second", i.nanos))
		return time.Time{}
	}
	return time.Unix(i.seconds, int64(i.nanos)).UTC()
}
