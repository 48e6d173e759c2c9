package replay

import (
	"bytes"
	"errors"
	"time"
)

// parseText makes the message of a line that a Falco with json_output: false
// put out: "06:34:36.946618053: Notice …", with a date when
// time_format_iso_8601 is on. Its bytes are copied.
//
// A time of day lacks its date. A metrics snapshot has evt.time; any other line
// is put as close as possible to what is known nearby: when it was received, or
// the line before it. With nothing known it is a day of 1970, which still keeps
// the distances and can be shifted.
func (r *Reader) parseText(line []byte) (Message, error) {
	c, ok := clockBefore(line, ':')
	if !ok {
		return Message{}, errors.New(`want a JSON object, or a text line that begins with a time such as "06:34:36.946618053:"`)
	}
	m := Message{Time: c.t, Text: bytes.Clone(line)}
	switch t, ok := evtTime(line); {
	case c.date:
	case ok && c.shown(t):
		m.Time = t
	case !r.near.IsZero():
		m.Time = nearest(r.near, timeOfDay(c.t))
	}
	return m, nil
}

// clockBefore reads the clock at the beginning of line if next follows it.
func clockBefore(line []byte, next byte) (clock, bool) {
	c, ok := parseClock(string(line[:min(len(line), maxClock)]))
	return c, ok && c.length < len(line) && line[c.length] == next
}

// evtTime is the value of evt.time among the fields that Falco's own messages
// list in their text.
func evtTime(line []byte) (time.Time, bool) {
	_, after, ok := bytes.Cut(line, []byte(" evt.time="))
	end := 0
	for end < len(after) && isDigit(after[end]) {
		end++
	}
	ns, isNumber := digitsOnly(after[:end])
	return time.Unix(0, ns).UTC(), ok && isNumber
}

// nearest is the instant closest to t at the given time of day, UTC.
func nearest(t time.Time, timeOfDay time.Duration) time.Time {
	const day = 24 * time.Hour
	at := t.UTC().Truncate(day).Add(timeOfDay)
	switch d := at.Sub(t); {
	case d > day/2:
		return at.Add(-day)
	case d < -day/2:
		return at.Add(day)
	}
	return at
}

// beginning moves the time at which the output src[start:end] begins, if it is
// the message's own.
func (s *shift) beginning(start, end int) {
	c, ok := parseClock(string(s.src[start:min(end, start+maxClock)]))
	if ok && c.shown(s.from) && start+c.length < end && s.src[start+c.length] == ':' {
		s.clock(c, start)
	}
}

// text moves the times of a text message.
func (s *shift) text() {
	s.beginning(0, len(s.src))
	for i := s.done; ; {
		eq := bytes.IndexByte(s.src[i:], '=')
		if eq < 0 {
			return
		}
		start := i + eq + 1
		end := start
		for end < len(s.src) && isDigit(s.src[end]) {
			end++
		}
		if end == len(s.src) || s.src[end] == ' ' || s.src[end] == ')' {
			s.integer(start, end, time.Nanosecond)
		}
		i = end
	}
}
