package replay

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxHostname is the longest name that a sensor may have, in bytes: what DNS
// allows, and more than a host's name has.
const MaxHostname = 253

// CheckHostname returns an error unless a sensor may go under this name.
func CheckHostname(name string) error {
	switch {
	case name == "":
		return errors.New("the hostname is empty")
	case len(name) > MaxHostname:
		return fmt.Errorf("the hostname has %d bytes, want at most %d", len(name), MaxHostname)
	case !utf8.ValidString(name):
		return fmt.Errorf("the hostname is no UTF-8: %q", name)
	}
	return nil
}

// Rename returns m as it would come from a sensor of another name; m itself stays
// as it is. Changed are the message's hostname, which is added when there is none,
// and the output field evt.hostname when there is one. All else stays byte for
// byte as it was: other fields and the output text may still hold the old name.
//
// A text message stays as it is: what Falco writes with json_output: false does
// not say where it comes from. The error tells of a name that CheckHostname
// refuses, or of JSON that no Reader returned.
func Rename(m Message, hostname string) (Message, error) {
	if err := CheckHostname(hostname); err != nil {
		return Message{}, fmt.Errorf("rename a sensor: %w", err)
	}
	if m.JSON == nil {
		return m, nil
	}
	// Of a name that is valid UTF-8 nothing can go wrong.
	name, _ := jsontext.AppendQuote(nil, hostname)
	e := edits{src: m.JSON}
	members, named := 0, false
	err := eachMember(e.src, func(member string, value jsontext.Value, end int) error {
		members++
		start := end - len(value)
		switch {
		case member == "hostname":
			named = true
			e.replace(start, end, name)
		case member == "output_fields" && value.Kind() == '{':
			return eachMember(value, func(field string, v jsontext.Value, end int) error {
				if field == "evt.hostname" {
					e.replace(start+end-len(v), start+end, name)
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return Message{}, fmt.Errorf("rename a sensor: %w", err)
	}
	m.JSON = e.dst()
	if !named {
		// In front of all others, where Falco has it.
		added := append([]byte(`"hostname":`), name...)
		if members > 0 {
			added = append(added, ',')
		}
		m.JSON = slices.Insert(m.JSON, bytes.IndexByte(m.JSON, '{')+1, added...)
	}
	return m, nil
}
