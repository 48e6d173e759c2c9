package correlate

import (
	"slices"
	"time"
)

// maxFlawed bounds the spans that Changes lists one by one, of flaws and of attributed
// alerts each.
const maxFlawed = 64

// Changes says what happened to the proof since it was last taken, for whoever
// waits for a verdict.
type Changes struct {
	Progress bool         // snapshots or the word of a watch, so that more may be proven
	Flawed   []FlawedSpan // spans that can't be proven any more
	Overflow bool         // there are more of them than are listed
	// Attributed has the times of alerts that came earlier and have got their namespace
	// or pod, once for each namespace.
	Attributed []AttributedSpan
}

// AttributedSpan is from the first to the last of alerts that were attributed.
type AttributedSpan struct {
	Namespace  string    // empty for any: more of them than are listed
	Start, End time.Time // event time; both are of an alert
}

// FlawedSpan is a span of a sensor's time in which a flaw was found.
type FlawedSpan struct {
	Sensor     string
	Start, End time.Time // event time
}

func (c *Changes) flawed(hostname string, from, to int64) {
	if len(c.Flawed) == maxFlawed {
		c.Overflow = true
		return
	}
	c.Flawed = append(c.Flawed, FlawedSpan{hostname, instant(min(from, to)), instant(max(from, to))})
}

func (c *Changes) attributed(namespace string, from, to int64) {
	at := slices.IndexFunc(c.Attributed, func(a AttributedSpan) bool { return a.Namespace == namespace || a.Namespace == "" })
	switch {
	case at < 0 && len(c.Attributed) < maxFlawed:
		c.Attributed = append(c.Attributed, AttributedSpan{namespace, instant(from), instant(to)})
		return
	case at < 0:
		at = len(c.Attributed) - 1
		c.Attributed[at].Namespace = ""
	}
	a := &c.Attributed[at]
	if t := instant(from); t.Before(a.Start) {
		a.Start = t
	}
	if t := instant(to); t.After(a.End) {
		a.End = t
	}
}

// TakeChanges returns the changes since it was last called. It belongs to the
// loop that applies records.
func (s *State) TakeChanges() Changes {
	c := s.sensors.changes
	s.sensors.changes = Changes{}
	return c
}
