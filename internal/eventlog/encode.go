package eventlog

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/falcogate/falcogate/correlate"
)

// SchemaVersion is the latest version of docs/record.proto. It and those before it
// are read; a record is written with the first that has a place for it.
const SchemaVersion = 2

// Field numbers of docs/record.proto, as far as both directions need them.
const (
	recordSchema          = 1
	recordReceivedSeconds = 2
	recordReceivedNanos   = 3
	recordTransport       = 4
	recordID              = 5
	recordAlert           = 16
	recordSnapshot        = 17
	recordRuleset         = 18
	recordDrop            = 19
	recordTimeout         = 20
	recordInternal        = 21
	recordMalformed       = 22
	recordPlacement       = 23
	recordWatch           = 24
)

// schemaOf is the first version that has a place for a body.
func schemaOf(body correlate.Body) uint64 {
	switch body.(type) {
	case *correlate.Placement, *correlate.Watch:
		return 2
	}
	return 1
}

// EncodeRecord appends the wire form of r (docs/record.proto) to dst. Position
// and Logged are not part of it. A record without a body, or with one that is
// not correlate's, is an error.
func EncodeRecord(dst []byte, r *correlate.Record) ([]byte, error) {
	b := appendUint(dst, recordSchema, schemaOf(r.Body))
	b = appendTime(b, recordReceivedSeconds, r.Received)
	b = appendString(b, recordTransport, r.Transport)
	if r.ID != (correlate.ID{}) {
		b = appendBytes(b, recordID, r.ID[:])
	}
	switch body := r.Body.(type) {
	case *correlate.Alert:
		b = appendMessage(b, recordAlert, func(b []byte) []byte { return appendAlert(b, body) })
	case *correlate.Snapshot:
		b = appendMessage(b, recordSnapshot, func(b []byte) []byte { return appendSnapshot(b, body) })
	case *correlate.Ruleset:
		b = appendMessage(b, recordRuleset, func(b []byte) []byte { return appendRuleset(b, body) })
	case *correlate.Drop:
		b = appendMessage(b, recordDrop, func(b []byte) []byte { return appendDrop(b, body) })
	case *correlate.Timeout:
		b = appendMessage(b, recordTimeout, func(b []byte) []byte { return appendTimeout(b, body) })
	case *correlate.Internal:
		b = appendMessage(b, recordInternal, func(b []byte) []byte { return appendInternal(b, body) })
	case *correlate.Malformed:
		b = appendMessage(b, recordMalformed, func(b []byte) []byte { return appendMalformed(b, body) })
	case *correlate.Placement:
		b = appendMessage(b, recordPlacement, func(b []byte) []byte { return appendPlacement(b, body) })
	case *correlate.Watch:
		b = appendMessage(b, recordWatch, func(b []byte) []byte { return appendWatch(b, body) })
	default:
		return dst, fmt.Errorf("%w: its body is a %T, which docs/record.proto has no place for", ErrRefused, r.Body)
	}
	return b, nil
}

// appendMessage writes a nested message. Its length is known only afterwards;
// two bytes are kept for it, which is right for 128 to 16383 bytes, and other
// lengths move the message by a little.
func appendMessage(b []byte, num protowire.Number, body func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	at := len(b)
	b = body(append(b, 0, 0))
	size := len(b) - at - 2
	switch n := protowire.SizeVarint(uint64(size)); {
	case n < 2:
		copy(b[at+n:], b[at+2:])
		b = b[:len(b)-1]
	case n > 2:
		b = append(b, make([]byte, n-2)...)
		copy(b[at+n:], b[at+2:at+2+size])
	}
	protowire.AppendVarint(b[:at], uint64(size))
	return b
}

// appendTime writes seconds at num and nanoseconds at the number after it.
func appendTime(b []byte, num protowire.Number, t time.Time) []byte {
	if s := t.Unix(); s != 0 {
		b = protowire.AppendTag(b, num, protowire.VarintType)
		b = protowire.AppendVarint(b, protowire.EncodeZigZag(s))
	}
	return appendUint(b, num+1, uint64(t.Nanosecond()))
}

func appendUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}

func appendString(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return appendElement(b, num, s)
}

// appendElement writes one string of a list, empty or not.
func appendElement(b []byte, num protowire.Number, s string) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendString(b, s)
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}

func appendCounter(b []byte, num protowire.Number, c correlate.Counter) []byte {
	if !c.Reported {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, c.N)
}

func appendFields(b []byte, num protowire.Number, fields []correlate.Field) []byte {
	for _, f := range fields {
		size := 0
		if f.Name != "" {
			size += 1 + protowire.SizeBytes(len(f.Name))
		}
		if f.Value != "" {
			size += 1 + protowire.SizeBytes(len(f.Value))
		}
		b = protowire.AppendTag(b, num, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(size))
		b = appendString(b, 1, f.Name)
		b = appendString(b, 2, f.Value)
	}
	return b
}
