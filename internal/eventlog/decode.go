package eventlog

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/falcogate/falcogate/correlate"
)

// SchemaVersionError says that a record was written by a version of falcogate
// that this one does not know. It is ErrSchemaVersion.
type SchemaVersionError struct {
	Version uint64
}

// Error says what to do about it.
func (e *SchemaVersionError) Error() string {
	return fmt.Sprintf("unknown schema version of a record: it has %d, this falcogate reads up to %d: run the version that wrote it or a later one, or start with an empty event log",
		e.Version, SchemaVersion)
}

// Is makes it ErrSchemaVersion for errors.Is.
func (e *SchemaVersionError) Is(target error) bool { return target == ErrSchemaVersion }

// DecodeRecord reads what EncodeRecord wrote. The error wraps ErrSchemaVersion or
// ErrCorrupt. It keeps nothing of data, but all strings of the record are parts
// of one copy of it: who keeps one of them for long should clone it. Position
// and Logged stay zero.
func DecodeRecord(data []byte) (*correlate.Record, error) {
	s := newScanner(data)
	if !s.next() || s.num != recordSchema || s.typ != protowire.VarintType {
		return nil, fmt.Errorf("%w: it does not begin with a schema version (%d bytes)", ErrCorrupt, len(data))
	}
	if s.val == 0 || s.val > SchemaVersion {
		return nil, &SchemaVersionError{Version: s.val}
	}
	r := decodeRecord(&s)
	if s.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, s.err)
	}
	if r == nil {
		return nil, fmt.Errorf("%w: it has no body that schema version %d knows", ErrCorrupt, SchemaVersion)
	}
	return r, nil
}

// decodeRecord reads the fields behind the schema version. It returns nil when
// there is no body.
func decodeRecord(s *scanner) *correlate.Record {
	var head correlate.Record
	var received instant
	var body scanner
	var kind protowire.Number
	for s.next() {
		switch s.num {
		case recordReceivedSeconds:
			received.seconds = s.sint()
		case recordReceivedNanos:
			received.nanos = s.uint()
		case recordTransport:
			head.Transport = s.string()
		case recordID:
			head.ID = s.id()
		case recordAlert, recordSnapshot, recordRuleset, recordDrop, recordTimeout, recordInternal, recordMalformed,
			recordPlacement, recordWatch:
			if kind != 0 {
				s.fail(fmt.Errorf("a second body after field %d", kind))
			}
			kind, body = s.num, s.message()
		}
	}
	head.Received = received.time(s)
	if s.err != nil {
		return nil
	}
	r := decodeBody(kind, &body)
	s.done(&body)
	if r != nil {
		r.Received, r.Transport, r.ID = head.Received, head.Transport, head.ID
	}
	return r
}

// decodeBody allocates a record and its body in one piece.
func decodeBody(kind protowire.Number, s *scanner) *correlate.Record {
	switch kind {
	case recordAlert:
		v := new(struct {
			r correlate.Record
			b correlate.Alert
		})
		v.r.Body = &v.b
		decodeAlert(s, &v.b)
		return &v.r
	case recordSnapshot:
		b := new(correlate.Snapshot)
		decodeSnapshot(s, b)
		return &correlate.Record{Body: b}
	case recordRuleset:
		b := new(correlate.Ruleset)
		decodeRuleset(s, b)
		return &correlate.Record{Body: b}
	case recordDrop:
		b := new(correlate.Drop)
		decodeDrop(s, b)
		return &correlate.Record{Body: b}
	case recordTimeout:
		b := new(correlate.Timeout)
		decodeTimeout(s, b)
		return &correlate.Record{Body: b}
	case recordInternal:
		b := new(correlate.Internal)
		decodeInternal(s, b)
		return &correlate.Record{Body: b}
	case recordMalformed:
		b := new(correlate.Malformed)
		decodeMalformed(s, b)
		return &correlate.Record{Body: b}
	case recordPlacement:
		b := new(correlate.Placement)
		decodePlacement(s, b)
		return &correlate.Record{Body: b}
	case recordWatch:
		b := new(correlate.Watch)
		decodeWatch(s, b)
		return &correlate.Record{Body: b}
	}
	return nil
}
