package verifier

import (
	"container/heap"
	"strings"
	"sync"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// waiting are the questions whose answers are held until they may have changed.
// The tail's loop goes through them after each batch of records; a question is
// woken only by what bears on it: an alert in its scope, a message that could not
// be read, a flaw in its window, or proof that reaches behind its end. Nobody
// polls.
type waiting struct {
	mu          sync.Mutex
	all         map[*waiter]struct{}
	byNamespace map[string]map[*waiter]struct{}
	byProof     map[proofKey]*proofHeap
	released    bool // nobody waits any more
}

// waiter is one question that waits. It is woken at most once.
type waiter struct {
	ask   *asked
	end   time.Time // of the window, with the settling margin
	woken chan struct{}
	key   proofKey
	index int // in the heap
}

// proofKey says what a question waits for: the proof of a list of sensors or of
// all, with or without counters, and that placements are known.
type proofKey struct {
	sensors string // the needed ones, as one text; empty means all
	heard   bool
	placed  bool
	skew    time.Duration // by which placements must be known for longer
}

// proofKeyOf is what an answer that is pending waits for.
func proofKeyOf(ask *asked) proofKey {
	key := proofKey{sensors: strings.Join(ask.need, "\x00"), heard: ask.policy.Evidence == Heard, placed: ask.placed}
	if ask.placed {
		key.skew = ask.policy.ClockSkew
		key.sensors += "\x00" // nobody is not all
	}
	return key
}

// enter takes a place for a question, or returns nil when nobody may wait any
// more. The caller has locked the tail's state for reading, so that nothing is
// missed.
func (t *Tail) enter(ask *asked) *waiter {
	w := &waiter{ask: ask, end: ask.Window.End.Add(ask.policy.Settling), woken: make(chan struct{})}
	w.key = proofKeyOf(ask)
	q := &t.waiting
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.released {
		return nil
	}
	if q.all == nil {
		q.all, q.byNamespace, q.byProof = map[*waiter]struct{}{}, map[string]map[*waiter]struct{}{}, map[proofKey]*proofHeap{}
	}
	q.all[w] = struct{}{}
	if q.byNamespace[ask.Namespace] == nil {
		q.byNamespace[ask.Namespace] = map[*waiter]struct{}{}
	}
	q.byNamespace[ask.Namespace][w] = struct{}{}
	if q.byProof[w.key] == nil {
		q.byProof[w.key] = &proofHeap{}
	}
	heap.Push(q.byProof[w.key], w)
	return w
}

// Waiting is how many questions wait for a verdict.
func (t *Tail) Waiting() int {
	t.waiting.mu.Lock()
	defer t.waiting.mu.Unlock()
	return len(t.waiting.all)
}

// leave wakes a question whose time is up, unless it was woken already.
func (t *Tail) leave(w *waiter) {
	t.waiting.mu.Lock()
	defer t.waiting.mu.Unlock()
	if _, ok := t.waiting.all[w]; ok {
		t.waiting.wake(w)
	}
}

// wake takes w out of all lists, and has its question looked at again.
func (q *waiting) wake(w *waiter) {
	delete(q.all, w)
	delete(q.byNamespace[w.ask.Namespace], w)
	if len(q.byNamespace[w.ask.Namespace]) == 0 {
		delete(q.byNamespace, w.ask.Namespace)
	}
	heap.Remove(q.byProof[w.key], w.index)
	if q.byProof[w.key].Len() == 0 {
		delete(q.byProof, w.key)
	}
	close(w.woken)
}

// release wakes all, and lets nobody wait from now on.
func (q *waiting) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.released = true
	for w := range q.all {
		q.wake(w)
	}
}

// stir wakes whom a batch of records concerns. The caller has locked the state
// for writing, and has applied the batch to it.
func (q *waiting) stir(state *correlate.State, batch []*correlate.Record) {
	changes := state.TakeChanges()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) == 0 {
		return
	}
	for _, rec := range batch {
		switch body := rec.Body.(type) {
		case *correlate.Alert:
			q.alert(body)
		case *correlate.Malformed:
			for w := range q.all {
				q.wake(w)
			}
		}
	}
	for w := range q.all {
		if changes.Overflow || changes.Attributed || flawedFor(w, changes.Flawed) {
			q.wake(w)
		}
	}
	if changes.Progress {
		q.proven(state)
	}
}

// alert wakes those whose answer an alert may decide.
func (q *waiting) alert(a *correlate.Alert) {
	ns, origin := a.Namespace()
	concerned := q.byNamespace[ns]
	if origin != correlate.Attributed {
		concerned = q.all // it may be anybody's, or the host's
	}
	for w := range concerned {
		if a.Priority.AtLeast(w.ask.Severity) && w.ask.Window.Contains(a.Time) {
			q.wake(w)
		}
	}
}

// flawedFor reports whether one of the spans touches the waiter's window.
func flawedFor(w *waiter, spans []correlate.FlawedSpan) bool {
	for _, f := range spans {
		if f.Start.Before(w.end) && !f.End.Before(w.ask.Window.Start) && (w.ask.Sensor == "" || w.ask.Sensor == f.Sensor) {
			return true
		}
	}
	return false
}

// proven wakes those whose windows the proof has reached behind.
func (q *waiting) proven(state *correlate.State) {
	for key, list := range q.byProof {
		reached := proofReached(state, key, (*list)[0].ask)
		for list.Len() > 0 && !(*list)[0].end.After(reached) {
			q.wake((*list)[0])
		}
	}
}

// proofReached is up to when what a question waits for is there.
func proofReached(state *correlate.State, key proofKey, ask *asked) time.Time {
	known := state.Known().Add(-key.skew)
	if key.placed && len(ask.need) == 0 {
		return known
	}
	accounted, heard := state.Sensors().Proven(ask.need)
	reached := accounted
	if key.heard {
		reached = heard
	}
	if key.placed && known.Before(reached) {
		return known
	}
	return reached
}

// proofHeap has the waiter whose window ends first in front.
type proofHeap []*waiter

func (h proofHeap) Len() int           { return len(h) }
func (h proofHeap) Less(i, j int) bool { return h[i].end.Before(h[j].end) }

func (h proofHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *proofHeap) Push(x any) {
	w := x.(*waiter)
	w.index = len(*h)
	*h = append(*h, w)
}

// Pop implements heap.Interface.
func (h *proofHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return w
}
