package parameter

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	// unixTime is a bare number: digits, and a fraction of seconds.
	unixTime = regexp.MustCompile(`^(\d+)(?:\.(\d*))?$`)
	// ago is a duration: numbers, each with its unit.
	ago     = regexp.MustCompile(`^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h|d|w))+$`)
	agoPart = regexp.MustCompile(`(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h|d|w)`)
	// spacedZone is an RFC 3339 time whose + was read as a space, which is what
	// a + in a query string means.
	spacedZone = regexp.MustCompile(`^(.+T.+) (\d\d:\d\d)$`)
)

// ParseTime reads a time as it may be given in a parameter: RFC 3339 with a
// zone, Unix time, or a duration before now as ParseDuration reads it. It may be
// in the future.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if m := unixTime.FindStringSubmatch(s); m != nil {
		return parseUnix(s, m[1], m[2])
	}
	if ago.MatchString(s) {
		d, err := ParseDuration(s)
		if err != nil {
			return time.Time{}, err
		}
		return now.Add(-d), nil
	}
	if m := spacedZone.FindStringSubmatch(s); m != nil {
		s = m[1] + "+" + m[2]
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err == nil {
		return t, nil
	}
	if _, err := time.Parse("2006-01-02T15:04:05", s); err == nil {
		return time.Time{}, fmt.Errorf("%q has no zone: add Z or an offset such as +02:00", s)
	}
	return time.Time{}, fmt.Errorf(
		"%.60q is no time: want RFC 3339 with a zone (2026-11-23T06:26:40Z), Unix time, or how long ago (10m, 1h30m, 2d)", s)
}

// parseUnix reads seconds with a fraction, or, by the number of digits, whole
// seconds, milliseconds, microseconds or nanoseconds. Fewer digits than seconds
// have had since 1973 are a forgotten unit rather than a time.
func parseUnix(s, whole, fraction string) (time.Time, error) {
	n, err := strconv.ParseInt(whole, 10, 64)
	digits := len(whole)
	switch {
	case err != nil:
	case strings.Contains(s, "."):
		if (digits == 9 || digits == 10) && len(fraction) <= 9 {
			ns, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
			return time.Unix(n, ns), err
		}
	case digits == 9 || digits == 10:
		return time.Unix(n, 0), nil
	case digits == 13:
		return time.UnixMilli(n), nil
	case digits == 16:
		return time.UnixMicro(n), nil
	case digits == 19:
		return time.Unix(0, n), nil
	}
	if digits < 9 {
		return time.Time{}, fmt.Errorf("%s is no Unix time of our days: give a duration its unit (%ss, %sm)", s, s, s)
	}
	return time.Time{}, fmt.Errorf(
		"%.60s is no Unix time: want seconds (10 digits, with or without a fraction), milliseconds (13), microseconds (16) or nanoseconds (19)", s)
}

// ParseDuration reads a duration of 0 or more as Go writes it, and with the
// units d (24 hours) and w (7 days): 90s, 1h30m, 1w2d.
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" { // as Go reads it
		return 0, nil
	}
	if !ago.MatchString(s) {
		return 0, fmt.Errorf("%.60q is no duration: want numbers with units, such as 90s, 10m, 1h30m, 2d", s)
	}
	var sum time.Duration
	for _, part := range agoPart.FindAllStringSubmatch(s, -1) {
		number, unit, factor := part[1], part[2], time.Duration(1)
		switch unit {
		case "d":
			unit, factor = "h", 24
		case "w":
			unit, factor = "h", 7*24
		}
		d, err := time.ParseDuration(number + unit)
		if err != nil || d > (math.MaxInt64-sum)/factor {
			return 0, fmt.Errorf("%.60q is too long: want 292 years at most", s)
		}
		sum += d * factor
	}
	return sum, nil
}
