package verifier

import (
	"context"

	"github.com/falcogate/falcogate/correlate"
)

// Source is what the tail needs of the event log.
type Source interface {
	Bounder
	// Tail calls fn with the records from position from on, in the order of
	// their positions and without repeats, and goes on with what is appended.
	// It outlives outages of the log. It returns when ctx ends, with fn's
	// error, or with one that no retry heals.
	Tail(ctx context.Context, from uint64, fn func([]*correlate.Record) error) error
}

// Bounder tells where the event log begins and ends, and which one it is.
type Bounder interface {
	// Bounds are where the log begins and ends now, and when it was made.
	Bounds(ctx context.Context) (correlate.Bounds, error)
}

// Log is what the service needs of the event log.
type Log interface {
	Bounder
	// ReadMany returns the records at the positions, in the order asked for,
	// nil for each that is not kept any more.
	ReadMany(ctx context.Context, positions []uint64) ([]*correlate.Record, error)
	// PublishVerdict stores data and its header under subject, once for each
	// id, and returns when that is safe. It tries again until ctx ends.
	PublishVerdict(ctx context.Context, subject, id string, header map[string]string, data []byte) (position uint64, duplicate bool, err error)
	// FindVerdict returns the header and the data of the verdict that was published
	// under id, and whether there is one: it may never have been published, or not be
	// kept any more. Of several under one id it is the first. It may take
	// seconds, and tries again until ctx ends.
	FindVerdict(ctx context.Context, id string) (header map[string]string, data []byte, found bool, err error)
}
