package falcogrpc

import (
	"context"
	"slices"
	"sync"
)

// queue is Falco's queue of responses: one for all subscribers, in order, each
// response to whoever takes it first, but for those that are kept for the second
// reader.
type queue struct {
	mu     sync.Mutex
	items  []queued
	taken  int           // taken and not delivered yet
	moved  chan struct{} // closed, and replaced, whenever something changes
	closed bool
}

// queued is a response in the queue.
type queued struct {
	response []byte
	second   bool // the second reader takes it, and nobody else
}

func newQueue() *queue { return &queue{moved: make(chan struct{})} }

// change runs f under the lock and wakes all who wait.
func (q *queue) change(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
	close(q.moved)
	q.moved = make(chan struct{})
}

// push adds a response, waiting while there are more than most, unless that is
// zero.
func (q *queue) push(ctx context.Context, item queued, most int) error {
	err := q.wait(ctx, func() bool { return most == 0 || len(q.items) < most })
	if err == nil {
		q.change(func() { q.items = append(q.items, item) })
	}
	return err
}

// take returns the oldest response that the second reader, or anybody else, may
// have, if there is one. Whoever takes it says so when it is delivered.
func (q *queue) take(second bool) (response []byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.items, func(item queued) bool { return item.second == second })
	if i < 0 || q.closed {
		return nil, false
	}
	response = q.items[i].response
	if i == 0 { // nearly always, and without moving what is behind it
		q.items[0] = queued{}
		q.items = q.items[1:]
	} else {
		q.items = slices.Delete(q.items, i, i+1)
	}
	q.taken++
	return response, true
}

// delivered ends what take began.
func (q *queue) delivered() { q.change(func() { q.taken-- }) }

// drained waits until all was taken and delivered.
func (q *queue) drained(ctx context.Context) error {
	return q.wait(ctx, func() bool { return len(q.items) == 0 && q.taken == 0 })
}

// close loses what is queued, as Falco does.
func (q *queue) close() { q.change(func() { q.closed, q.items = true, nil }) }

// wait returns once done, which is called under the lock, is true.
func (q *queue) wait(ctx context.Context, done func() bool) error {
	for {
		q.mu.Lock()
		ok, closed, moved := done(), q.closed, q.moved
		q.mu.Unlock()
		switch {
		case closed:
			return ErrServerClosed
		case ok:
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
