package eventlog

import (
	"fmt"
	"log/slog"

	"github.com/falcogate/falcogate/correlate"
)

// substitute makes the entry that goes into the log in place of one that the log
// refuses for good: a malformed record with the beginning of the refused one and
// the reason. When even that is refused, nothing can be stored, and the error
// says so.
func (l *Log) substitute(e *entry, cause error) (*entry, error) {
	if e.kind == correlate.KindMalformed {
		return nil, cause
	}
	// The entry was encoded a moment ago; what it holds tells where it is from.
	r, err := DecodeRecord(e.data)
	if err != nil {
		return nil, fmt.Errorf("%w; and it could not be read back: %w", cause, err)
	}
	l.logger.Error("event log: a record is refused for good; a malformed one stands in its place",
		slog.String("subject", e.subject), slog.Int("bytes", len(e.data)), slog.String("reason", cause.Error()))
	return l.newEntry(&correlate.Record{
		Received: r.Received, Transport: r.Transport,
		Body: &correlate.Malformed{
			Hostname: r.Body.Sensor(),
			Peer:     "event log",
			Reason:   cause.Error(),
			Size:     len(e.data),
			Raw:      e.data[:min(len(e.data), correlate.MalformedRawBytes)],
		},
	})
}
