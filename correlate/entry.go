package correlate

import (
	"encoding/binary"
	"time"
)

// entry is what the index holds of an alert: 28 bytes without a pointer, so
// that ten million of them cost the garbage collector nothing. It is packed by
// hand because a struct of the same fields takes 32.
//
//	 0  8 bytes  event time, nanoseconds since 1970
//	 8  8 bytes  first half of the record's ID, to know duplicates
//	16  6 bytes  log position
//	22  3 bytes  place: symbol of sensor and pod
//	25  3 bytes  rule: symbol of the rule
type entry [28]byte

const (
	maxNanos    = 1 << 62   // the year 2116
	maxPosition = 1<<48 - 1 // 9 years at a million records a second
	maxSymbols  = 1 << 24
)

// nanos is t in nanoseconds since 1970, or the nearest to it in [0, maxNanos].
// Falco's times are inside; the bounds keep arithmetic on times from
// overflowing, whatever a broken clock says.
func nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s >= maxNanos/int64(time.Second):
		return maxNanos
	}
	return t.UnixNano()
}

// instant is the reverse of nanos.
func instant(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// idPrefix is the part of an ID that is held.
func idPrefix(id ID) uint64 { return binary.BigEndian.Uint64(id[:8]) }

func newEntry(ns int64, id, position uint64, place, rule uint32) (e entry) {
	le := binary.LittleEndian
	le.PutUint64(e[0:], uint64(ns))
	le.PutUint64(e[8:], id)
	// The position's upper 16 bits are 0 and are then written over.
	le.PutUint64(e[16:], position)
	le.PutUint16(e[22:], uint16(place))
	e[24] = byte(place >> 16)
	le.PutUint16(e[25:], uint16(rule))
	e[27] = byte(rule >> 16)
	return e
}

func (e *entry) time() int64      { return int64(binary.LittleEndian.Uint64(e[0:])) }
func (e *entry) id() uint64       { return binary.LittleEndian.Uint64(e[8:]) }
func (e *entry) position() uint64 { return binary.LittleEndian.Uint64(e[16:]) & maxPosition }

func (e *entry) place() uint32 {
	return uint32(binary.LittleEndian.Uint16(e[22:])) | uint32(e[24])<<16
}

func (e *entry) rule() uint32 {
	return uint32(binary.LittleEndian.Uint16(e[25:])) | uint32(e[27])<<16
}

// before reports whether e stands before (ns, position) in a series.
func (e *entry) before(ns int64, position uint64) bool {
	if t := e.time(); t != ns {
		return t < ns
	}
	return e.position() < position
}
