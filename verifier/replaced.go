package verifier

import (
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// replaced returns an error when b are the bounds of another log than the one
// that the state was built from, which a log's positions alone can't tell: what
// the state knows then says nothing about what the log holds. It is nil before
// Run has reached a log.
func (t *Tail) replaced(b correlate.Bounds) error {
	t.mu.RLock()
	created := t.created
	t.mu.RUnlock()
	if created.IsZero() || b.Created.Equal(created) {
		return nil
	}
	return fmt.Errorf("the event log was replaced: the one that was read was made at %s, and the one that is there now at %s: restart falcogate",
		created.UTC().Format(time.RFC3339Nano), b.Created.UTC().Format(time.RFC3339Nano))
}
