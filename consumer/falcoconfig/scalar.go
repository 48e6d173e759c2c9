package falcoconfig

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseBool reads a boolean as Falco's YAML library does: y, yes, on and true,
// n, no, off and false, each in lower case, in upper case or capitalised, quoted
// or not.
func parseBool(s string) (value, ok bool) {
	lower := strings.ToLower(s)
	if s != lower && s != strings.ToUpper(s) && s != capitalised(lower) {
		return false, false
	}
	switch lower {
	case "y", "yes", "on", "true":
		return true, true
	case "n", "no", "off", "false":
		return false, true
	}
	return false, false
}

func capitalised(lower string) string {
	if lower == "" {
		return ""
	}
	return strings.ToUpper(lower[:1]) + lower[1:]
}

// prometheusDuration is what Falco takes for an interval, once all white space
// is gone. A number without a unit is none. Leading zeros are left out: Falco
// reads 010 as eight.
var prometheusDuration = regexp.MustCompile(`^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$`)

var prometheusUnits = [...]time.Duration{
	365 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second, time.Millisecond,
}

// parseInterval reads a duration as Falco does: 5s, 250ms, 1h30m. What is longer
// than a time.Duration holds becomes the longest.
func parseInterval(s string) (interval time.Duration, ok bool) {
	s = strings.Join(strings.Fields(s), "")
	match := prometheusDuration.FindStringSubmatch(s)
	if s == "" || match == nil {
		return 0, false
	}
	total := 0.0
	for i, digits := range match[1:] {
		if digits == "" {
			continue
		}
		if digits[0] == '0' && digits != "0" {
			return 0, false
		}
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			n = math.MaxFloat64
		}
		total += n * float64(prometheusUnits[i])
	}
	if total >= math.MaxInt64 {
		return math.MaxInt64, true
	}
	return time.Duration(total), true
}

// priorities are Falco's, from the most severe.
var priorities = []string{"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}

// priorityRank is where a priority stands in priorities, or -1 when Falco does
// not know it.
func priorityRank(s string) int {
	s = strings.ToLower(s)
	if s == "info" {
		s = "informational"
	}
	return slices.Index(priorities, s)
}
