package replay

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// parse turns one line of a recording, trimmed and not blank, into a message.
// Each line tells by itself of which kind it is.
func (r *Reader) parse(line []byte) (Message, error) {
	if line[0] != '{' {
		return r.parseText(line)
	}
	var (
		response, body, receivedAt, timeValue  jsontext.Value
		ofFalco, ofResponse, enum, snakeFields bool
	)
	err := eachMember(line, func(name string, v jsontext.Value, _ int) error {
		switch name {
		case "response":
			response = v
		case "body":
			body = v
		case "received_at":
			receivedAt = v
		case "time":
			timeValue = v
		case "outputFields", "sourceDeprecated", "source_deprecated":
			ofResponse = true
		case "output_fields":
			ofFalco, snakeFields = true, true
		case "priority":
			ofFalco, enum = true, isEnum(v)
		case "rule", "output":
			ofFalco = true
		}
		return nil
	})
	// A response without fields is told by its priority. With output_fields it
	// may be either, and reads the same as both.
	ofResponse = ofResponse || enum && !snakeFields
	switch {
	case err != nil:
		return Message{}, err
	case response.Kind() == '{':
		return parseResponse(response)
	case body.Kind() == '"':
		return r.parsePost(body, receivedAt)
	case ofResponse:
		return parseResponse(line)
	case ofFalco:
		return newJSON(line, timeValue)
	}
	return Message{}, errors.New(`want one of Falco's JSON lines, a gRPC response, or a recording with "response" or "body"; ` +
		`have a JSON object with none of their keys`)
}

// newJSON makes the message of one of Falco's JSON lines. Its bytes are copied.
func newJSON(line []byte, timeValue jsontext.Value) (Message, error) {
	t, err := parseTime("time", timeValue)
	if err != nil {
		return Message{}, err
	}
	return Message{Time: t, JSON: bytes.Clone(line)}, nil
}

// parsePost makes the message of a recorded POST from its body, and from when
// it was received.
func (r *Reader) parsePost(body, receivedAt jsontext.Value) (Message, error) {
	b, _ := unquote(body)
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return Message{}, errors.New("want an alert in body, have nothing")
	}
	if b[0] == '{' {
		var timeValue jsontext.Value
		err := eachMember(b, func(name string, v jsontext.Value, _ int) error {
			if name == "time" {
				timeValue = v
			}
			return nil
		})
		if err != nil {
			return Message{}, fmt.Errorf("body: %w", err)
		}
		return newJSON(b, timeValue)
	}
	if receivedAt != nil {
		t, err := parseTime("received_at", receivedAt)
		if err != nil {
			return Message{}, err
		}
		// The text itself has a time of day only, or none.
		r.near = t
		if _, ok := clockBefore(b, ':'); !ok {
			return Message{Time: t, Text: b}, nil
		}
	}
	return r.parseText(b)
}

// parseTime reads the date and time in the JSON value called name.
func parseTime(name string, v jsontext.Value) (time.Time, error) {
	if v == nil {
		return time.Time{}, fmt.Errorf("%s: want a time, there is none", name)
	}
	s, ok := unquote(v)
	if !ok {
		return time.Time{}, fmt.Errorf("%s: want a time as a string, have %.40q", name, v)
	}
	c, ok := parseClock(string(s))
	if !ok || !c.date || c.length != len(s) {
		return time.Time{}, fmt.Errorf("%s: want a time such as 2026-11-23T06:26:40.976567087Z, have %.40q", name, s)
	}
	// Further away nanoseconds since the epoch can't be told.
	if c.t.Year() < 1970 || !c.t.Before(latest) {
		return time.Time{}, fmt.Errorf("%s: want a time between 1970 and %d, have %q", name, latest.Year()-1, s)
	}
	return c.t, nil
}
