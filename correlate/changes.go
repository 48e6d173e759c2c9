package correlate

import "time"

// maxFlawed bounds the spans that Changes lists one by one.
const maxFlawed = 64

// Changes says what happened to the proof since it was last taken, for whoever
// waits for a verdict.
type Changes struct {
	Progress bool         // snapshots or the word of a watch, so that more may be proven
	Flawed   []FlawedSpan // spans that can't be proven any more
	Overflow bool         // there are more of them than are listed
	// Attributed is true when alerts that came earlier got their namespace or pod.
	Attributed bool
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

// TakeChanges returns the changes since it was last called. It belongs to the
// loop that applies records.
func (s *State) TakeChanges() Changes {
	c := s.sensors.changes
	s.sensors.changes = Changes{}
	return c
}
