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
	byProof     map[proofKey]*proofGroup
	passed      map[string]map[*waiter]struct{} // by namespace; not in the others
	released    bool                            // nobody waits any more
}

// waiter is one question that waits. It is woken at most once.
type waiter struct {
	namespace, sensor string
	severity          correlate.Priority
	window            correlate.Window
	end               time.Time // of the window, with the settling margin
	wake              func()    // called with the lists locked: it must not block
	key               proofKey
	index             int // in the heap; -1 when it does not wait for proof
	// passed is true for a question that was answered with a pass, and only wants to
	// hear of alerts that it has missed; hosts, of those of hosts too.
	passed, hosts bool
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
	key := proofKey{sensors: strings.Join(ask.proving(), "\x00"), heard: ask.policy.Evidence == Heard, placed: ask.placed}
	if ask.placed {
		key.skew = ask.policy.ClockSkew
		key.sensors += "\x00" // nobody is not all
	}
	return key
}

// enter takes a place for a question, or returns nil when nobody may wait any
// more. Proof says that it waits for that too, and not for alerts alone. The caller
// has locked the tail's state for reading, so that nothing is missed.
func (t *Tail) enter(ask *asked, proof bool, wake func()) *waiter {
	w := &waiter{
		namespace: ask.Namespace, sensor: ask.Sensor, severity: ask.Severity, window: ask.Window,
		end: ask.Window.End.Add(ask.policy.Settling), wake: wake, key: proofKeyOf(ask), index: -1,
	}
	q := &t.waiting
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.released {
		return nil
	}
	if q.all == nil {
		q.all, q.byNamespace, q.byProof = map[*waiter]struct{}{}, map[string]map[*waiter]struct{}{}, map[proofKey]*proofGroup{}
	}
	q.all[w] = struct{}{}
	if q.byNamespace[w.namespace] == nil {
		q.byNamespace[w.namespace] = map[*waiter]struct{}{}
	}
	q.byNamespace[w.namespace][w] = struct{}{}
	if !proof {
		return w
	}
	if q.byProof[w.key] == nil {
		q.byProof[w.key] = &proofGroup{need: ask.proving()}
	}
	heap.Push(&q.byProof[w.key].heap, w)
	return w
}

// enterPassed takes a place for a question that was answered with a pass. It is woken by
// alerts that are its namespace's, or a host's when hosts is true, and by nothing else.
// The caller has locked the tail's state for reading.
func (t *Tail) enterPassed(ask *asked, hosts bool, wake func()) *waiter {
	w := &waiter{
		namespace: ask.Namespace, sensor: ask.Sensor, severity: ask.Severity, window: ask.Window, end: ask.Window.End,
		wake: wake, index: -1, passed: true, hosts: hosts,
	}
	q := &t.waiting
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.passed == nil {
		q.passed = map[string]map[*waiter]struct{}{}
	}
	for _, list := range w.lists() {
		if q.passed[list] == nil {
			q.passed[list] = map[*waiter]struct{}{}
		}
		q.passed[list][w] = struct{}{}
	}
	return w
}

// ofHosts is the list of those who want to hear of hosts' alerts. No namespace is called
// so.
const ofHosts = ""

// lists are those of waiting.passed that a waiter is in.
func (w *waiter) lists() []string {
	if w.hosts {
		return []string{w.namespace, ofHosts}
	}
	return []string{w.namespace}
}

// Waiting is how many questions wait for a verdict.
func (t *Tail) Waiting() int {
	t.waiting.mu.Lock()
	defer t.waiting.mu.Unlock()
	return len(t.waiting.all)
}

// leave wakes a question whose time is up, unless it was woken already. It reports
// whether it did.
func (t *Tail) leave(w *waiter) bool {
	t.waiting.mu.Lock()
	defer t.waiting.mu.Unlock()
	_, ok := t.waiting.all[w]
	if ok {
		t.waiting.wake(w)
	}
	return ok
}

// forget takes w out of all lists, unless it was woken already, and does not wake it.
func (q *waiting) forget(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waits(w) {
		q.remove(w)
	}
}

// waits reports whether w was not woken yet. The caller has locked the lists.
func (q *waiting) waits(w *waiter) bool {
	list := q.all
	if w.passed {
		list = q.passed[w.namespace]
	}
	_, ok := list[w]
	return ok
}

// wake takes w out of all lists, and has its question looked at again.
func (q *waiting) wake(w *waiter) {
	q.remove(w)
	w.wake()
}

// remove takes w out of all lists. The caller has locked them.
func (q *waiting) remove(w *waiter) {
	if w.passed {
		for _, list := range w.lists() {
			if delete(q.passed[list], w); len(q.passed[list]) == 0 {
				delete(q.passed, list)
			}
		}
		return
	}
	delete(q.all, w)
	delete(q.byNamespace[w.namespace], w)
	if len(q.byNamespace[w.namespace]) == 0 {
		delete(q.byNamespace, w.namespace)
	}
	if w.index >= 0 {
		group := q.byProof[w.key]
		heap.Remove(&group.heap, w.index)
		if group.heap.Len() == 0 {
			delete(q.byProof, w.key)
		}
	}
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
	if len(q.all) == 0 && len(q.passed) == 0 {
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
	for _, span := range changes.Attributed {
		q.attributed(span)
	}
	if changes.Overflow || len(changes.Flawed) > 0 {
		for w := range q.all {
			if changes.Overflow || flawedFor(w, changes.Flawed) {
				q.wake(w)
			}
		}
	}
	if changes.Progress {
		q.proven(state)
	}
}

// alert wakes those whose answer an alert may decide.
func (q *waiting) alert(a *correlate.Alert) {
	ns, origin := a.Namespace()
	concerned, passed := q.byNamespace[ns], q.passed[ns]
	switch origin {
	case correlate.OnHost:
		concerned, passed = q.all, q.passed[ofHosts]
	case correlate.Unattributed:
		concerned, passed = q.all, nil // it may be anybody's, and is nobody's yet
	}
	for _, list := range []map[*waiter]struct{}{concerned, passed} {
		for w := range list {
			if a.Priority.AtLeast(w.severity) && w.window.Contains(a.Time) {
				q.wake(w)
			}
		}
	}
}

// attributed wakes those whose window has alerts that have got their namespace: that may
// be theirs, or another's and nothing to them any more.
func (q *waiting) attributed(span correlate.AttributedSpan) {
	touches := func(w *waiter) bool { return !span.End.Before(w.window.Start) && span.Start.Before(w.window.End) }
	for w := range q.all {
		if touches(w) {
			q.wake(w)
		}
	}
	for ns, list := range q.passed {
		if ns != span.Namespace && span.Namespace != "" {
			continue
		}
		for w := range list {
			if touches(w) {
				q.wake(w)
			}
		}
	}
}

// flawedFor reports whether one of the spans touches the waiter's window.
func flawedFor(w *waiter, spans []correlate.FlawedSpan) bool {
	for _, f := range spans {
		if f.Start.Before(w.end) && !f.End.Before(w.window.Start) && (w.sensor == "" || w.sensor == f.Sensor) {
			return true
		}
	}
	return false
}

// proven wakes those whose windows the proof has reached behind.
func (q *waiting) proven(state *correlate.State) {
	known := state.Known()
	for key, group := range q.byProof {
		reached := group.reached(state, key, known)
		for group.heap.Len() > 0 && !group.heap[0].end.After(reached) {
			q.wake(group.heap[0])
		}
	}
}

// proofGroup are the questions that wait for the same.
type proofGroup struct {
	need []string
	heap proofHeap
}

// reached is up to when what they wait for is there; placements are known up to an
// instant.
func (g *proofGroup) reached(state *correlate.State, key proofKey, known time.Time) time.Time {
	known = known.Add(-key.skew)
	if key.placed && len(g.need) == 0 {
		return known
	}
	accounted, heard := state.Sensors().Proven(g.need)
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
