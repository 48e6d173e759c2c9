package correlate

import (
	"errors"
	"fmt"
	"strings"
)

// Priority is the severity of an alert, in Falco's order: Emergency is the most
// severe, Debug the least. The zero value is unset and no valid priority, so
// that a forgotten priority can't be taken for Falco's number 0, Emergency.
type Priority uint8

// Falco's eight priorities, the most severe first.
const (
	Emergency Priority = iota + 1
	Alarm              // Falco writes it "Alert"; the Go name avoids the type Alert.
	Critical
	Error
	Warning
	Notice
	Informational
	Debug
)

// Priorities lists all valid priorities, the most severe first.
var Priorities = [...]Priority{Emergency, Alarm, Critical, Error, Warning, Notice, Informational, Debug}

var priorityNames = [...]string{
	"", "Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug",
}

// ErrPriorityUnset is returned for an empty priority: it is an error, never a
// default.
var ErrPriorityUnset = errors.New("priority is not set")

// ParsePriority reads one of Falco's eight names in any case, or its alias
// INFO. Anything else is an error: a typo in a threshold must not widen or
// narrow what it matches.
func ParsePriority(s string) (Priority, error) {
	if s == "" {
		return 0, ErrPriorityUnset
	}
	for _, p := range Priorities {
		if strings.EqualFold(s, priorityNames[p]) {
			return p, nil
		}
	}
	if strings.EqualFold(s, "INFO") {
		return Informational, nil
	}
	return 0, fmt.Errorf("unknown priority %.40q: want one of %s", s, strings.Join(priorityNames[1:], ", "))
}

// Valid reports whether p is one of the eight priorities.
func (p Priority) Valid() bool { return p >= Emergency && p <= Debug }

// AtLeast reports whether p is as severe as threshold or more. It is false when
// either is not valid.
func (p Priority) AtLeast(threshold Priority) bool {
	return p.Valid() && threshold.Valid() && p <= threshold
}

// String is Falco's name for p, such as "Warning".
func (p Priority) String() string {
	if !p.Valid() {
		return fmt.Sprintf("Priority(%d)", uint8(p))
	}
	return priorityNames[p]
}

// MarshalText writes Falco's name; an invalid priority is an error.
func (p Priority) MarshalText() ([]byte, error) {
	if !p.Valid() {
		return nil, ErrPriorityUnset
	}
	return []byte(priorityNames[p]), nil
}

// UnmarshalText reads what ParsePriority reads.
func (p *Priority) UnmarshalText(text []byte) error {
	v, err := ParsePriority(string(text))
	if err != nil {
		return err
	}
	*p = v
	return nil
}
