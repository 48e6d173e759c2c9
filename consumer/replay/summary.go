package replay

import (
	"encoding/json"
	"time"
)

// Summary is what a replay did.
type Summary struct {
	// Sent is how many messages the sink took.
	Sent int
	// Shift is by how much all times were moved; zero without Rebase.
	Shift time.Duration
	// First and Last are the earliest and the latest time of the messages as
	// they were sent; zero when none was.
	First, Last time.Time
}

func (s *Summary) add(t time.Time) {
	s.Sent++
	s.First, s.Last = extend(s.First, s.Last, t)
}

// MarshalJSON writes {"sent", "shift_ns", "first", "last"}: times in UTC with
// nanoseconds, as Falco writes them, or null when nothing was sent.
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
		ShiftNS int64   `json:"shift_ns"`
		First   *string `json:"first"`
		Last    *string `json:"last"`
	}{s.Sent, s.Shift.Nanoseconds(), when(s.First), when(s.Last)})
}
