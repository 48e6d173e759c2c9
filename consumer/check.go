package consumer

import (
	"errors"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

const (
	// maxNameBytes bounds hostnames, namespaces and sources: a DNS name has at
	// most 253 characters. They become parts of subjects and keys of maps, so
	// what has no bound there would have none anywhere.
	maxNameBytes = 253
	// maxRuleBytes bounds the names of rules.
	maxRuleBytes = 512
)

// Check tells whether a decoded alert has what every alert must have, within
// its bounds; all decoders use it, so that they accept the same alerts. The
// error is a *MalformedError with the hostname in it where that is valid.
func Check(a *correlate.Alert) error {
	namespace, _ := a.Namespace()
	var m *MalformedError
	switch {
	case a.Hostname == "":
		m = Malformedf(ClassMissing, "hostname", "want the name of the sensor, have none")
	case len(a.Hostname) > maxNameBytes:
		return tooLong("hostname", a.Hostname, maxNameBytes)
	case a.Rule == "":
		m = Malformedf(ClassMissing, "rule", "want the name of a rule, have none")
	case len(a.Rule) > maxRuleBytes:
		m = tooLong("rule", a.Rule, maxRuleBytes)
	case !a.Priority.Valid():
		m = Malformedf(ClassMissing, "priority", "want one of Falco's priorities, have none")
	case len(a.Source) > maxNameBytes:
		m = tooLong("source", a.Source, maxNameBytes)
	case len(namespace) > maxNameBytes:
		m = tooLong("output_fields", namespace, maxNameBytes)
		m.Reason = "namespace: " + m.Reason
	default:
		m = checkTime(a.Time)
	}
	if m == nil {
		return nil
	}
	m.Hostname = a.Hostname
	return m
}

func tooLong(field, have string, most int) *MalformedError {
	return Malformedf(ClassTooLong, field, "want at most %d bytes, have %d: %s", most, len(have), quote(have))
}

// Event times outside of these don't fit into nanoseconds since the epoch, which
// the alert's identity is made of, or lie before it, which no Falco reports.
var (
	earliest = time.Unix(0, 0)
	latest   = time.Unix(0, 1<<63-1)
)

func checkTime(t time.Time) *MalformedError {
	if t.IsZero() {
		return Malformedf(ClassMissing, "time", "want the time of the event, have none")
	}
	if t.Before(earliest) || t.After(latest) {
		return Malformedf(ClassValue, "time", "want a time from 1970 to 2262, have %s", t.UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// parseTime reads RFC 3339 with a zone and at most nanoseconds, as in
// 2026-11-23T06:26:40.976567087Z.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, checkTime(time.Time{})
	}
	var t time.Time
	if !fractionFits(s) || t.UnmarshalText([]byte(s)) != nil {
		return time.Time{}, Malformedf(ClassValue, "time",
			"want RFC 3339 with nanoseconds and zone, such as 2006-01-02T15:04:05.123456789Z, have %s", quote(s))
	}
	return t.UTC(), nil
}

// fractionFits reports whether the seconds' fraction in an RFC 3339 time, if it
// has one, begins with a full stop and has at most nine digits. Package time
// takes a comma too, and cuts digits off: two alerts could get one identity.
func fractionFits(s string) bool {
	const seconds = len("2006-01-02T15:04:05")
	if len(s) <= seconds || s[seconds] != '.' {
		return !strings.Contains(s, ",")
	}
	end := strings.IndexAny(s[seconds:], "Z+-")
	return end <= len(".999999999")
}

// parsePriority is correlate.ParsePriority with this package's error.
func parsePriority(s string) (correlate.Priority, error) {
	p, err := correlate.ParsePriority(s)
	switch {
	case errors.Is(err, correlate.ErrPriorityUnset):
		return 0, Malformedf(ClassMissing, "priority", "want one of Falco's priorities, have none")
	case err != nil:
		return 0, Malformedf(ClassValue, "priority", "%v", err)
	}
	return p, nil
}
