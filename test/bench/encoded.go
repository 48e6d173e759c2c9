package main

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/falcogate/falcogate/internal/eventlog"
)

// encoded are records as the event log publishes them. They lie one behind the
// other, so that they cost the garbage collector nothing while they are published.
type encoded struct {
	subjects []string // of the messages, which take turns
	ids      string   // of idSize each
	data     []byte
	ends     []int // of the records in data
}

const idSize = 32

// encodeAll makes n records, the messages in turns, each with its own time.
func encodeAll(messages []message, n int, at func(i int) time.Time) (*encoded, error) {
	e := &encoded{ends: make([]int, 0, n)}
	ids := make([]byte, 0, n*idSize)
	for i := range n {
		r := messages[i%len(messages)].record(at(i))
		if i < len(messages) {
			e.subjects = append(e.subjects, eventlog.LogSubject(r))
		}
		var err error
		if e.data, err = eventlog.EncodeRecord(e.data, r); err != nil {
			return nil, err
		}
		ids = append(ids, r.ID.String()...)
		e.ends = append(e.ends, len(e.data))
	}
	e.ids = string(ids)
	return e, nil
}

// publish publishes all records and waits for every acknowledgement.
func (b *bareStream) publish(ctx context.Context, e *encoded) error {
	begin := 0
	for i, end := range e.ends {
		_, err := b.js.PublishAsync(e.subjects[i%len(e.subjects)], e.data[begin:end],
			jetstream.WithMsgID(e.ids[i*idSize:(i+1)*idSize]), jetstream.WithStallWait(time.Minute))
		if err != nil {
			return err
		}
		begin = end
	}
	return b.published(ctx)
}
