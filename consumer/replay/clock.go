package replay

import (
	"time"
)

// maxClock is more than the longest clock takes:
// 2026-11-23T06:26:40.976567087+00:00.
const maxClock = 40

// clock is a time written as text in one of Falco's spellings: a date and time
// (ISO 8601, as in "time", evt.time.iso8601 and evt.datetime), or a time of day
// (as at the start of a text line). What is not written counts as UTC.
type clock struct {
	t      time.Time // a time of day is one of 1970-01-01
	date   bool      // there is a date
	sep    byte      // between date and time: 'T' or ' '
	digits int       // of the fraction: 0 to 9
	zone   string    // as written: "", "Z", "+0000" or "+00:00"
	offset time.Duration
	length int // bytes taken
}

// parseClock reads a clock from the beginning of s and leaves what follows it.
func parseClock(s string) (clock, bool) {
	var c clock
	year, month, day := 1970, 1, 1
	rest, ok := s, true
	if len(s) > 10 && s[4] == '-' && s[7] == '-' && (s[10] == 'T' || s[10] == ' ') {
		year, month, day = number(s[:4], &ok), number(s[5:7], &ok), number(s[8:10], &ok)
		c.date, c.sep = true, s[10]
		rest = s[11:]
	}
	if len(rest) < 8 || rest[2] != ':' || rest[5] != ':' {
		return clock{}, false
	}
	hour, minute, second := number(rest[:2], &ok), number(rest[3:5], &ok), number(rest[6:8], &ok)
	rest = rest[8:]
	nanos := 0
	if rest != "" && rest[0] == '.' {
		for c.digits < 9 && c.digits+1 < len(rest) && isDigit(rest[c.digits+1]) {
			c.digits++
		}
		// More digits than nine could not be put back.
		if c.digits == 0 || len(rest) > c.digits+1 && isDigit(rest[c.digits+1]) {
			return clock{}, false
		}
		nanos = number(rest[1:c.digits+1], &ok)
		for range 9 - c.digits {
			nanos *= 10
		}
		rest = rest[c.digits+1:]
	}
	if c.date {
		rest = c.parseZone(rest, &ok)
	}
	// time.Date takes 25:00 for 01:00 of the next day; Falco does not write it.
	if !ok || hour > 23 || minute > 59 || second > 59 || month < 1 || month > 12 || day < 1 {
		return clock{}, false
	}
	local := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if local.Day() != day {
		return clock{}, false
	}
	c.t = local.Add(-c.offset)
	c.length = len(s) - len(rest)
	return c, true
}

// parseZone reads a zone from the beginning of s, if there is one, and returns
// what follows it.
func (c *clock) parseZone(s string, ok *bool) string {
	n := 0
	switch {
	case s != "" && s[0] == 'Z':
		n = 1
	case len(s) >= 5 && (s[0] == '+' || s[0] == '-'):
		n = 5
		if s[3] == ':' {
			n = 6
		}
		if len(s) < n {
			*ok = false
			return s
		}
		h, m := number(s[1:3], ok), number(s[n-2:n], ok)
		if h > 23 || m > 59 {
			*ok = false
		}
		c.offset = time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
		if s[0] == '-' {
			c.offset = -c.offset
		}
	}
	c.zone = s[:n]
	return s[n:]
}

// unit is the smallest step that the clock can tell.
func (c *clock) unit() time.Duration {
	u := time.Second
	for range c.digits {
		u /= 10
	}
	return u
}

// append writes t in the clock's spelling; what is finer than its unit is cut
// off.
func (c *clock) append(dst []byte, t time.Time) []byte {
	t = t.UTC().Add(c.offset)
	layout := "15:04:05"
	switch {
	case c.date && c.sep == 'T':
		layout = "2006-01-02T15:04:05"
	case c.date:
		layout = "2006-01-02 15:04:05"
	}
	dst = t.AppendFormat(dst, layout)
	if c.digits > 0 {
		dst = append(dst, '.')
		scale := 100_000_000
		for range c.digits {
			dst = append(dst, byte('0'+t.Nanosecond()/scale%10))
			scale /= 10
		}
	}
	return append(dst, c.zone...)
}

// shown reports whether the clock shows t: at its own precision, and for a time
// of day on whatever day.
func (c *clock) shown(t time.Time) bool {
	if c.date {
		return t.Truncate(c.unit()).Equal(c.t)
	}
	return timeOfDay(t).Truncate(c.unit()) == timeOfDay(c.t)
}

// timeOfDay is how long after midnight UTC t is.
func timeOfDay(t time.Time) time.Duration {
	t = t.UTC()
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute +
		time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
}

// number reads s, which has at most nine digits and nothing else; otherwise it
// sets ok to false.
func number(s string, ok *bool) int {
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			*ok = false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
