package consumer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// wantObject tells Falco's text output, which no JSON error explains, from a
// message that may be JSON.
func wantObject(line []byte) error {
	s := bytes.TrimLeft(line, " \t\r\n")
	switch {
	case len(s) == 0:
		return Malformedf(ClassSyntax, "", "want a JSON object, have nothing")
	case s[0] == '{':
		return nil
	case !utf8.Valid(line):
		return Malformedf(ClassUTF8, "", "want a JSON object, have %s, which is not UTF-8 either", quote(s))
	}
	return Malformedf(ClassText, "",
		"want a JSON object, have %s; if Falco sent this, set json_output: true in its configuration", quote(s))
}

// syntaxError words what the JSON decoder found.
func syntaxError(line []byte, err error) *MalformedError {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if !utf8.Valid(line) {
		return Malformedf(ClassUTF8, "", "want JSON in UTF-8: %v", err)
	}
	return Malformedf(ClassSyntax, "", "want well-formed JSON: %v", err)
}

// kindName names a JSON kind in words.
func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return fmt.Sprintf("kind %q", byte(k))
}
