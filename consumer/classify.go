package consumer

import (
	"strconv"

	"github.com/falcogate/falcogate/correlate"
)

// The rules that Falco names in its messages about itself.
const (
	ruleSnapshot = "Falco internal: metrics snapshot"
	ruleDrop     = "Falco internal: syscall event drop"
	ruleTimeout  = "Falco internal: timeouts notification"
)

// classify turns a decoded message into the body of a record: the alert itself,
// or what it says about Falco. The ruleset comes with a snapshot that names one.
// The error is a *MalformedError.
func classify(a *correlate.Alert) (correlate.Body, *correlate.Ruleset, error) {
	if a.Source != correlate.InternalSource {
		return a, nil, nil
	}
	switch a.Rule {
	case ruleSnapshot:
		s, r, err := readSnapshot(a)
		if err != nil {
			return nil, nil, err
		}
		return s, r, nil
	case ruleDrop:
		d, err := readDrop(a)
		if err != nil {
			return nil, nil, err
		}
		return d, nil, nil
	case ruleTimeout:
		last, _ := a.OutputFields.Get("last_event_time")
		return &correlate.Timeout{Hostname: a.Hostname, Time: a.Time, LastEventTime: last}, nil, nil
	}
	return &correlate.Internal{
		Hostname: a.Hostname, Rule: a.Rule, Time: a.Time, Output: a.Output, OutputFields: a.OutputFields,
	}, nil, nil
}

func readDrop(a *correlate.Alert) (*correlate.Drop, error) {
	d := &correlate.Drop{Hostname: a.Hostname, Time: a.Time, OutputFields: a.OutputFields}
	for _, f := range a.OutputFields {
		var err error
		switch f.Name {
		case "n_evts":
			d.Events, err = counter(a, f)
		case "n_drops":
			d.Drops, err = counter(a, f)
		}
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

// counter reads the field's number: Falco's counters have 64 bits and no sign.
func counter(a *correlate.Alert, f correlate.Field) (correlate.Counter, error) {
	n, err := strconv.ParseUint(f.Value, 10, 64)
	if err != nil {
		return correlate.Counter{}, notANumber(a, f)
	}
	return correlate.Counter{N: n, Reported: true}, nil
}

func notANumber(a *correlate.Alert, f correlate.Field) error {
	m := Malformedf(ClassValue, "output_fields", "%s: want a whole number of at most 64 bits, have %s", f.Name, quote(f.Value))
	m.Hostname = a.Hostname
	return m
}
