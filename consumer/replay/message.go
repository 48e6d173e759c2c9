package replay

import "time"

// Message is one message of a recording, in the form that Falco itself writes.
// Exactly one of JSON and Text is set. A message belongs to whoever received
// it; nothing in it is used again by the reader.
type Message struct {
	// Time is the event's own time, UTC, nanoseconds.
	Time time.Time
	// JSON is the alert as Falco's JSON line, without the newline.
	JSON []byte
	// Text is what a Falco with json_output: false put out, without the
	// newline.
	Text []byte
	// Line is where the message stands in its recording, from 1 on.
	Line int
}

// The times that a message may have or be moved to. Within them every time that
// counts nanoseconds from the epoch, and lies within tenYears of the message's
// own, has 18 or 19 digits and fits into 63 bits.
var (
	earliest = time.Date(1984, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2252, 1, 1, 0, 0, 0, 0, time.UTC)
)

// tenYears is how far from the message's own time a number may lie and still be
// taken for a time: a host's boot or a file's change may be years back, while
// the garbage that Falco puts into the times of files in overlays lies decades
// away.
const tenYears = 10 * 365 * 24 * time.Hour
