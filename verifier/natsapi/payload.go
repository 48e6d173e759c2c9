package natsapi

import (
	"bytes"
	"fmt"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// badPayloadError says what is wrong with a payload, and with which member if with one.
type badPayloadError struct{ member, detail string }

// Error is "member: detail".
func (e *badPayloadError) Error() string {
	if e.member == "" {
		return e.detail
	}
	return e.member + ": " + e.detail
}

// member is one of a payload's object.
type member struct {
	name  string
	value jsontext.Value
}

// text is the value of a string.
func (m member) text() (s string, ok bool) {
	return s, m.value.Kind() == jsontext.KindString && json.Unmarshal(m.value, &s) == nil
}

// members are those of a payload's object, in its order.
type members []member

// readMembers reads a payload: a JSON object, or nothing at all, which is an empty one.
func readMembers(payload []byte) (members, error) {
	if len(payload) == 0 {
		return nil, nil
	}
	var object jsontext.Value
	if err := json.Unmarshal(payload, &object); err != nil {
		return nil, &badPayloadError{"", fmt.Sprintf("the payload is no JSON: %v", err)}
	}
	if object.Kind() != jsontext.KindBeginObject {
		return nil, &badPayloadError{"", `the payload is no JSON object: want {"namespace": …, "since": …}, or nothing`}
	}
	var list members
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := dec.ReadToken(); err != nil {
		return nil, &badPayloadError{"", err.Error()}
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, &badPayloadError{"", fmt.Sprintf("the payload is no JSON object: %v", err)}
		}
		text := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, &badPayloadError{text, err.Error()}
		}
		list = append(list, member{text, value.Clone()})
	}
	return list, nil
}

// take takes a member out.
func (l *members) take(name string) (member, bool) {
	for i, m := range *l {
		if m.name == name {
			*l = append((*l)[:i:i], (*l)[i+1:]...)
			return m, true
		}
	}
	return member{}, false
}

// object is the members as a JSON object.
func (l members) object() ([]byte, error) {
	data := []byte{'{'}
	for i, m := range l {
		if i > 0 {
			data = append(data, ',')
		}
		name, err := jsontext.AppendQuote(nil, m.name)
		if err != nil {
			return nil, &badPayloadError{"", err.Error()}
		}
		data = append(append(append(data, name...), ':'), m.value...)
	}
	return append(data, '}'), nil
}

// query is the members as a query string: strings and numbers as they are, a list of
// strings as a parameter that comes several times, and other JSON as its text.
func (l members) query() (string, error) {
	q := url.Values{}
	for _, m := range l {
		if text, ok := m.text(); ok {
			q.Add(m.name, text)
			continue
		}
		var list []string
		switch m.value.Kind() {
		case jsontext.KindNull:
			return "", &badPayloadError{m.name, "is null: give it a value or leave it out"}
		case jsontext.KindBeginArray:
			if json.Unmarshal(m.value, &list) == nil {
				for _, text := range list {
					q.Add(m.name, text)
				}
				continue
			}
		}
		q.Add(m.name, m.value.String())
	}
	return q.Encode(), nil
}
