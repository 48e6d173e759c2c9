package correlate

import (
	"fmt"
	"time"
)

// Window is the span [Start, End) of event time.
type Window struct {
	Start time.Time
	End   time.Time
}

// Contains reports whether t lies in [Start, End).
func (w Window) Contains(t time.Time) bool {
	return !t.Before(w.Start) && t.Before(w.End)
}

// Validate returns an error unless both ends are set and Start is before End.
// An empty window would be silent by construction and is refused.
func (w Window) Validate() error {
	switch {
	case w.Start.IsZero():
		return fmt.Errorf("window has no start")
	case w.End.IsZero():
		return fmt.Errorf("window has no end")
	case !w.Start.Before(w.End):
		return fmt.Errorf("window start %s is not before its end %s",
			w.Start.UTC().Format(time.RFC3339Nano), w.End.UTC().Format(time.RFC3339Nano))
	}
	return nil
}
