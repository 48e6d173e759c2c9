package consumer

import (
	"context"

	"github.com/falcogate/falcogate/correlate"
)

// Log is what the consumer needs of the event log.
type Log interface {
	// Append stores the records and returns once all are acknowledged, in order
	// unless some take more than one try. It retries for as long as it takes: an
	// error means that ctx ended or that the log refused a record for good. A
	// record whose ID was stored recently counts as stored. May be called
	// concurrently.
	Append(ctx context.Context, records ...*correlate.Record) error

	// NewLane opens an ordered, pipelined way into the log.
	NewLane() Lane
}

// Lane appends records in order without waiting for each acknowledgement. One
// goroutine uses a lane at a time.
type Lane interface {
	// Append queues records behind those before them and returns; it blocks
	// while the lane's window is full, so that an outage of the log is felt at
	// once. Order holds across publish errors. The error is ctx's, or tells that
	// the lane is broken for good.
	Append(ctx context.Context, records ...*correlate.Record) error

	// Flush returns once all that was appended is acknowledged, or with ctx's
	// error.
	Flush(ctx context.Context) error

	// Close ends the lane. What was not flushed may be lost.
	Close()
}
