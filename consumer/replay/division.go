package replay

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrFewAlerts means that the second reader was to take an alert that the recording
// does not have. All that it has was sent.
var ErrFewAlerts = errors.New("the second reader can't take an alert that is not there")

// internalSource is the source of Falco's messages about itself.
const internalSource = "internal"

// division divides a recording between the two clients of one output.
type division struct {
	takes  []int // the numbers of the alerts that the second one takes
	alerts int   // so far
}

// takesNext reports whether the second client takes the next message.
func (d *division) takesNext(m Message) bool {
	if len(d.takes) == 0 || !isAlert(m) {
		return false
	}
	d.alerts++
	return slices.Contains(d.takes, d.alerts)
}

// end is nil when all alerts that were to be taken have come.
func (d *division) end() error {
	for _, n := range d.takes {
		if n > d.alerts {
			return fmt.Errorf("%w: number %d: the recording has only %d alerts", ErrFewAlerts, n, d.alerts)
		}
	}
	return nil
}

// isAlert reports whether a message is an alert, and not one of Falco's about
// itself. Of a text message that can't be told, and no output that has two clients
// sends one: it counts as none.
func isAlert(m Message) bool {
	if m.JSON == nil {
		return false
	}
	alert := true
	// What can't be read is refused by whoever sends it.
	_ = eachMember(m.JSON, func(name string, v jsontext.Value, _ int) error {
		if name == "source" {
			source, _ := unquote(v)
			alert = string(source) != internalSource
		}
		return nil
	})
	return alert
}
