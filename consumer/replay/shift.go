package replay

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Shift returns m with all its times moved by d; m itself stays as it is. What
// is no time stays byte for byte as it was: the order of keys, the spelling of
// numbers, spaces. Shifting by d and then by -d gives m back, unless d is so
// long that a number which is no time comes to lie near the message's.
//
// Moved are: the time of the message; of the output fields every integer,
// written as a number or as a string of digits, that counts nanoseconds from
// the epoch and lies within ten years of the message's time (evt.time,
// falco.start_ts, falco.reload_ts, container.start_ts, …), and every string
// that is a date and time within ten years; evt.rawtime.s and evt.rawtime.ns;
// and the time at which the output text begins, when it is the message's time in
// UTC. In a text message it is that same beginning, and every name=integer.
//
// The error tells of a time that would leave the years 1984 to 2251, or of JSON
// that no Reader returned.
func Shift(m Message, d time.Duration) (Message, error) {
	if d == 0 {
		return m, nil
	}
	to := m.Time.Add(d)
	if to.Before(earliest) || !to.Before(latest) {
		return Message{}, fmt.Errorf("shift %s by %s: want a time between %d and %d",
			m.Time.Format(time.RFC3339Nano), d, earliest.Year(), latest.Year()-1)
	}
	s := shift{from: m.Time, to: to}
	m.Time = to
	if m.JSON == nil {
		s.src = m.Text
		s.text()
		m.Text = s.dst()
		return m, nil
	}
	s.src = m.JSON
	if err := s.object(); err != nil {
		return Message{}, fmt.Errorf("shift the times of a message: %w", err)
	}
	m.JSON = s.dst()
	return m, nil
}

// shift is one message being moved from one time to another.
type shift struct {
	from, to time.Time
	edits
}

// object moves the times of one of Falco's JSON lines.
func (s *shift) object() error {
	return eachMember(s.src, func(name string, value jsontext.Value, end int) error {
		start := end - len(value)
		switch {
		case name == "time" && value.Kind() == '"':
			s.fieldText(start+1, end-1)
		case name == "output" && value.Kind() == '"':
			s.beginning(start+1, end-1)
		case name == "output_fields" && value.Kind() == '{':
			return eachMember(value, func(name string, v jsontext.Value, end int) error {
				s.field(name, v.Kind(), start+end-len(v), start+end)
				return nil
			})
		}
		return nil
	})
}

// field moves the output field whose value is src[start:end], if it is a time.
func (s *shift) field(name string, kind jsontext.Kind, start, end int) {
	switch kind {
	case '"':
		start, end = start+1, end-1
		if s.fieldText(start, end) {
			return
		}
	case '0':
	default:
		return
	}
	// The two that count from the epoch in another unit go by their names.
	switch name {
	case "evt.rawtime.s":
		s.integer(start, end, time.Second)
	case "evt.rawtime.ns":
		if v, ok := digitsOnly(s.src[start:end]); ok && v == int64(s.from.Nanosecond()) {
			s.replace(start, end, strconv.AppendInt(nil, int64(s.to.Nanosecond()), 10))
		}
	default:
		s.integer(start, end, time.Nanosecond)
	}
}

// integer moves src[start:end] if it counts units from the epoch. It keeps its
// distance to the message's time, and so never loses a part of a unit.
func (s *shift) integer(start, end int, unit time.Duration) {
	v, ok := digitsOnly(s.src[start:end])
	if !ok {
		return
	}
	from, to := s.from.UnixNano()/int64(unit), s.to.UnixNano()/int64(unit)
	// A message from a host whose clock was never set is near the epoch, and
	// there a process id would lie within ten years of it.
	if v != from && v < earliest.Add(-tenYears).UnixNano()/int64(unit) {
		return
	}
	if distance := v - from; distance <= int64(tenYears/unit) && distance >= -int64(tenYears/unit) {
		s.replace(start, end, strconv.AppendInt(nil, to+distance, 10))
	}
}

// fieldText moves src[start:end] if all of it is a time in one of Falco's
// spellings, and reports whether it did.
func (s *shift) fieldText(start, end int) bool {
	if end-start > maxClock {
		return false
	}
	c, ok := parseClock(string(s.src[start:end]))
	if !ok || c.length != end-start {
		return false
	}
	return s.clock(c, start)
}

// clock moves the clock that stands at src[start:] and reports whether it did.
// A date and time moves as an integer does; a time of day only when it is the
// message's own.
func (s *shift) clock(c clock, start int) bool {
	if !c.date {
		if !c.shown(s.from) {
			return false
		}
		s.replace(start, start+c.length, c.append(nil, s.to))
		return true
	}
	distance := c.t.Sub(s.from.Truncate(c.unit()))
	if distance > tenYears || distance < -tenYears {
		return false
	}
	s.replace(start, start+c.length, c.append(nil, s.to.Truncate(c.unit()).Add(distance)))
	return true
}

// digitsOnly reads a non-negative integer in its shortest spelling, so that
// what is written back for the same number has the same bytes.
func digitsOnly(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 19 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var v uint64
	for _, d := range b {
		if !isDigit(d) {
			return 0, false
		}
		v = v*10 + uint64(d-'0')
	}
	return int64(v), v <= math.MaxInt64
}
