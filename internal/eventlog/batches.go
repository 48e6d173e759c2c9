package eventlog

import (
	"errors"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// A server that syncs always writes message by message to the disk, about a
// thousand a second. Only an atomic batch shares one sync. So with SyncAlways all
// appends of the process gather here while a batch is under way, and go out as
// the next one.

const (
	batchEntries = 1000 // the server takes no more
	batchBytes   = windowBytes
	// A batch costs the server a store of its own for a moment, as much as
	// syncing about this many messages one by one.
	worthABatch = 8
)

// Headers of an atomic batch.
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
)

// batches gathers entries and commits them, in order, on one session.
type batches struct {
	s    *session
	wake chan struct{}

	mu    sync.Mutex
	queue []*entry
	ended bool
}

func newBatches(s *session) *batches {
	return &batches{s: s, wake: make(chan struct{}, 1)}
}

// add queues an entry.
func (b *batches) add(e *entry) {
	e.tries++
	if int64(e.size()) > b.s.nc.MaxPayload() {
		e.owner.settled(e, outcome{err: nats.ErrMaxPayload})
		return
	}
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		e.owner.settled(e, outcome{err: errSessionEnded})
		return
	}
	b.queue = append(b.queue, e)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run commits what is queued until the session ends.
func (b *batches) run() {
	for {
		select {
		case <-b.wake:
		case <-b.s.done:
			b.end(errSessionEnded)
			return
		}
		for {
			batch := b.take()
			if len(batch) == 0 {
				break
			}
			if err := b.commit(batch); err != nil {
				b.end(err)
			}
		}
	}
}

func (b *batches) take() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, size := 0, 0
	for n < len(b.queue) && n < batchEntries && (n == 0 || size+b.queue[n].size() <= batchBytes) {
		size += b.queue[n].size()
		n++
	}
	batch := b.queue[:n:n]
	b.queue = b.queue[n:]
	if len(b.queue) == 0 {
		b.queue = nil
	}
	return batch
}

// end settles all that is queued, and all that will be, with err, and ends the
// session. What comes behind a batch that failed must not be stored before it,
// and only a new session is sure to begin behind it.
func (b *batches) end(err error) {
	b.mu.Lock()
	queue := b.queue
	b.queue = nil
	b.ended = true
	b.mu.Unlock()
	settle(queue, outcome{err: err})
	b.s.nc.Close()
}

func settle(entries []*entry, o outcome) {
	for _, e := range entries {
		e.owner.settled(e, o)
	}
}

// commit stores entries in order and settles them. The error is that of the
// first one that failed; those behind it were not tried.
//
// One id that was stored before makes the server reject the whole batch. Then the
// halves are tried, down to the single entry, which is acknowledged as a
// duplicate: that is some log2(n) batches for one of n, not n syncs.
func (b *batches) commit(entries []*entry) error {
	if len(entries) < worthABatch {
		return b.oneByOne(entries)
	}
	o := b.publish(entries)
	var api *jetstream.APIError
	switch {
	case o.err == nil:
		for i, e := range entries {
			each := o
			each.position -= uint64(len(entries) - 1 - i)
			e.owner.settled(e, each)
		}
		return nil
	case errors.As(o.err, &api) && api.ErrorCode == errBatchContainsDuplicate:
		half := len(entries) / 2
		if err := b.commit(entries[:half]); err != nil {
			settle(entries[half:], outcome{err: err})
			return err
		}
		return b.commit(entries[half:])
	}
	settle(entries, o)
	return o.err
}

func (b *batches) oneByOne(entries []*entry) error {
	for i, e := range entries {
		o := b.publish(entries[i : i+1])
		if o.err != nil {
			settle(entries[i:], o)
			return o.err
		}
		e.owner.settled(e, o)
	}
	return nil
}

// publish sends one batch and waits for the answer to it. A single entry needs no
// batch.
func (b *batches) publish(entries []*entry) outcome {
	last := *entries[len(entries)-1]
	if len(entries) > 1 {
		id := nuid.Next()
		header := func(e *entry, i int) nats.Header {
			return nats.Header{
				jetstream.MsgIDHeader: []string{e.id},
				batchID:               []string{id},
				batchSequence:         []string{strconv.Itoa(i + 1)},
			}
		}
		for i, e := range entries[:len(entries)-1] {
			err := b.s.nc.PublishMsg(&nats.Msg{Subject: e.subject, Data: e.data, Header: header(e, i)})
			if err != nil {
				return outcome{err: err}
			}
		}
		last.header = header(&last, len(entries)-1)
		last.header[batchCommit] = []string{"1"}
	}
	c := &call{done: make(chan struct{})}
	c.left.Store(1)
	last.owner = c
	b.s.acks.publish(&last)
	<-c.done // answered, timed out, or the connection has ended
	for _, e := range entries {
		e.sent = last.sent
	}
	return last.outcome
}
