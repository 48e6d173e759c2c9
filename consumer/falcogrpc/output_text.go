package falcogrpc

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/falcogate/falcogate/consumer"
)

// outputText returns the alert's message. With json_output: true Falco puts the
// alert's whole JSON document into output, of which only the message is new;
// otherwise it is the message, which begins with the time and never with a
// brace.
//
// The document's keys are sorted, so the message stands near its beginning, and
// reading the rest would cost more than the whole of Decode. A document in
// another order is read in full; text that is no alert is the message.
func outputText(s string) string {
	if !strings.HasPrefix(s, "{") || !strings.HasSuffix(s, "}") {
		return s
	}
	if text, ok := leadingOutput(s); ok {
		return text
	}
	if a, err := consumer.DecodeJSON([]byte(s)); err == nil {
		return a.Output
	}
	return s
}

// leadingOutput reads a document that begins as Falco's does: hostname, then
// message and output, of which each may be missing, then output_fields or
// priority.
func leadingOutput(doc string) (string, bool) {
	rest, ok := strings.CutPrefix(doc, `{"hostname":`)
	if !ok {
		return "", false
	}
	if _, rest, ok = jsonString(rest, false); !ok {
		return "", false
	}
	var text string
	if after, found := strings.CutPrefix(rest, `,"message":`); found {
		if text, rest, ok = jsonString(after, true); !ok {
			return "", false
		}
	}
	if after, found := strings.CutPrefix(rest, `,"output":`); found {
		if text, rest, ok = jsonString(after, true); !ok {
			return "", false
		}
	}
	if !strings.HasPrefix(rest, `,"output_fields":`) && !strings.HasPrefix(rest, `,"priority":`) {
		return "", false
	}
	return text, true
}

// jsonString reads the JSON string that s begins with and returns what stands
// behind it. The value is made only when it is wanted.
func jsonString(s string, want bool) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	end, escaped := 1, false
	for {
		i := strings.IndexByte(s[end:], '"')
		if i < 0 {
			return "", "", false
		}
		end += i
		// A quote behind an odd number of backslashes is part of the text.
		slashes := 0
		for s[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			break
		}
		end, escaped = end+1, true
	}
	literal, rest := s[:end+1], s[end+1:]
	if !want {
		return "", rest, true
	}
	if !escaped && strings.IndexByte(literal, '\\') < 0 {
		return literal[1 : len(literal)-1], rest, true
	}
	text, err := jsontext.AppendUnquote(make([]byte, 0, len(literal)), literal)
	if err != nil {
		return "", "", false
	}
	return string(text), rest, true
}

// quote quotes what came, cut to a length that is good to read.
func quote(s string) string {
	if len(s) > 60 {
		return strconv.Quote(s[:60]) + "…"
	}
	return strconv.Quote(s)
}
