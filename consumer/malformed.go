package consumer

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Class is what kind of wrong a malformed message is: a short, fixed list, fit
// for a metric's label.
type Class string

// Classes of malformed messages.
const (
	ClassText     Class = "text"      // plain text: Falco runs with json_output: false
	ClassSyntax   Class = "syntax"    // no well-formed JSON or protobuf
	ClassUTF8     Class = "utf8"      // invalid UTF-8
	ClassType     Class = "type"      // a field of the wrong type
	ClassMissing  Class = "missing"   // a required field is not there
	ClassValue    Class = "value"     // a field whose value can't be read
	ClassTooLong  Class = "too_long"  // a name longer than its bound
	ClassTooDeep  Class = "too_deep"  // nested deeper than Falco nests
	ClassTooLarge Class = "too_large" // the whole message is over an edge's limit
	ClassRefused  Class = "refused"   // well-formed, but the event log does not take it
	ClassOther    Class = "other"
)

// MalformedError says why a message could not be read. The sender is told its
// text; the message itself is kept in the log, see Intake.Malformed.
type MalformedError struct {
	Class Class
	// Hostname is the sensor, when it could be read although the message is
	// wrong elsewhere.
	Hostname string
	// Field is the field that is wrong, in Falco's names, or empty when it is
	// the message as a whole.
	Field string
	// Reason says what was expected, what came and, where it is known, what to
	// do about it. What came is quoted and cut.
	Reason string
}

// Error is the field and the reason.
func (e *MalformedError) Error() string { return "malformed message: " + e.describe() }

// describe is the field and the reason without more words.
func (e *MalformedError) describe() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}

// bounded keeps the class to the list above.
func (c Class) bounded() Class {
	switch c {
	case ClassText, ClassSyntax, ClassUTF8, ClassType, ClassMissing, ClassValue, ClassTooLong, ClassTooDeep, ClassTooLarge,
		ClassRefused:
		return c
	}
	return ClassOther
}

// Malformedf makes a MalformedError. The edges use it for what only they can
// see, such as a body over their limit.
func Malformedf(class Class, field, format string, args ...any) *MalformedError {
	return &MalformedError{Class: class, Field: field, Reason: fmt.Sprintf(format, args...)}
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// quote quotes what came, cut to a length that is good to read.
func quote[T string | []byte](v T) string {
	const most = 60
	if len(v) <= most {
		return strconv.Quote(string(v))
	}
	return strconv.Quote(cut(string(v[:most+1]), most)) + "…"
}
