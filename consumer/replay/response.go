package replay

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// priorities are Falco's names, in the order of the protocol's numbers.
var priorities = [...]string{
	"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug",
}

// priorityOf reads a priority as protojson writes it: the enum's name or its
// number.
func priorityOf(v jsontext.Value) (string, bool) {
	name, isString := unquote(v)
	for i, p := range priorities {
		if isString && bytes.EqualFold(name, []byte(p)) || !isString && string(v) == strconv.Itoa(i) {
			return p, true
		}
	}
	return "", false
}

// isEnum reports whether v is a priority as only protojson writes it: WARNING or
// 4, where Falco's own JSON says "Warning".
func isEnum(v jsontext.Value) bool {
	_, known := priorityOf(v)
	return known && bytes.Equal(v, bytes.ToUpper(v))
}

// parseResponse makes the message of an outputs.response in protojson. With
// json_output on, its output is Falco's own JSON line, and that is the message.
// Otherwise a line is written from the response.
func parseResponse(response []byte) (Message, error) {
	members := make(map[string]jsontext.Value, 9)
	err := eachMember(response, func(name string, v jsontext.Value, _ int) error {
		switch name {
		case "outputFields":
			name = "output_fields"
		case "sourceDeprecated":
			name = "source_deprecated"
		}
		members[name] = v
		return nil
	})
	if err != nil {
		return Message{}, fmt.Errorf("response: %w", err)
	}
	if m, ok := jsonOutput(members["output"]); ok {
		return m, nil
	}
	t, err := parseTime("response: time", members["time"])
	if err != nil {
		return Message{}, err
	}
	line, err := falcoLine(members)
	if err != nil {
		return Message{}, fmt.Errorf("response: %w", err)
	}
	line = t.AppendFormat(append(line, `"time":"`...), falcoTime)
	return Message{Time: t, JSON: append(line, `"}`...)}, nil
}

// falcoTime is how Falco writes a time.
const falcoTime = "2006-01-02T15:04:05.000000000Z"

// jsonOutput is the message that a response's output holds as JSON text.
func jsonOutput(output jsontext.Value) (Message, bool) {
	text, _ := unquote(output)
	if len(text) == 0 || text[0] != '{' {
		return Message{}, false
	}
	var timeValue jsontext.Value
	err := eachMember(text, func(name string, v jsontext.Value, _ int) error {
		if name == "time" {
			timeValue = v
		}
		return nil
	})
	if err != nil {
		return Message{}, false
	}
	m, err := newJSON(text, timeValue)
	return m, err == nil
}

// falcoLine writes one of Falco's JSON lines from the members of a response, up
// to the comma before the time: with Falco's keys in Falco's order, but with
// strings for all output fields, since the protocol has no other kind.
func falcoLine(members map[string]jsontext.Value) ([]byte, error) {
	line := []byte{'{'}
	add := func(name string, v jsontext.Value) {
		line = append(append(append(append(append(line, '"'), name...), `":`...), v...), ',')
	}
	for _, name := range []string{"hostname", "output", "output_fields", "priority", "rule", "source", "tags"} {
		v, want := members[name], jsontext.Kind('"')
		switch name {
		case "priority":
			// protojson leaves out a zero, and zero is Emergency.
			p := priorities[0]
			if v != nil {
				var ok bool
				if p, ok = priorityOf(v); !ok {
					return nil, fmt.Errorf("priority: want one of Falco's priorities or its number, have %.40q", v)
				}
			}
			v = jsontext.Value(strconv.Quote(p))
		case "source":
			// Before Falco 0.31 the source was an enum.
			if old := members["source_deprecated"]; v == nil && old.Kind() == '"' {
				v = bytes.ToLower(old)
			}
		case "output_fields":
			want = '{'
		case "tags":
			want = '['
		}
		switch {
		case v == nil:
			continue
		case v.Kind() != want:
			return nil, fmt.Errorf("%s: want %s, have %.40q", name, want, v)
		case name == "output_fields":
			var err error
			if v, err = fieldsOf(v); err != nil {
				return nil, fmt.Errorf("outputFields: %w", err)
			}
		}
		add(name, v)
	}
	return line, nil
}

// fieldsOf writes a response's output fields as Falco's JSON has them: what is
// "<NA>" in the protocol is null there.
func fieldsOf(fields jsontext.Value) (jsontext.Value, error) {
	out := []byte{'{'}
	err := eachMember(fields, func(name string, v jsontext.Value, _ int) error {
		s, ok := unquote(v)
		if !ok {
			return fmt.Errorf("%.80q: want a string, have %.40q", name, v)
		}
		if string(s) == "<NA>" {
			v = jsontext.Value("null")
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		// A name that is no UTF-8 is repaired; nothing else can go wrong.
		out, _ = jsontext.AppendQuote(out, name)
		out = append(append(out, ':'), v...)
		return nil
	})
	return append(out, '}'), err
}
