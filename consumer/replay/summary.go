package replay

import (
	"encoding/json"
	"time"
)

// Summary is what a replay did.
type Summary struct {
	// Sent is how many messages the sink took.
	Sent int
	// Taken is how many alerts the second reader took instead of the sink.
	Taken int
	// Shift is by how much all times were moved; zero without Rebase.
	Shift time.Duration
	// First and Last are the earliest and the latest time of the messages as
	// they were sent or taken; zero when none was.
	First, Last time.Time
}

// add counts a message that went to the sink, or, when taken, to the second
// reader.
func (s *Summary) add(t time.Time, taken bool) {
	if taken {
		s.Taken++
	} else {
		s.Sent++
	}
	s.First, s.Last = extend(s.First, s.Last, t)
}

// MarshalJSON writes {"sent", "taken", "shift_ns", "first", "last"}: times in UTC
// with nanoseconds, as Falco writes them, or null when nothing was sent, and
// without "taken" when nothing was.
func (s Summary) MarshalJSON() ([]byte, error) {
	when := func(t time.Time) *string {
		if t.IsZero() {
			return nil
		}
		text := t.UTC().Format(falcoTime)
		return &text
	}
	return json.Marshal(struct {
		Sent    int     `json:"sent"`
		Taken   int     `json:"taken,omitzero"`
		ShiftNS int64   `json:"shift_ns"`
		First   *string `json:"first"`
		Last    *string `json:"last"`
	}{s.Sent, s.Taken, s.Shift.Nanoseconds(), when(s.First), when(s.Last)})
}
