package verifier

import (
	"container/heap"
	"context"
	"time"
)

// timerHeap has the gate that is looked at first in front.
type timerHeap struct{ list gateTimers }

type gateTimers []*gateEntry

func (h gateTimers) Len() int           { return len(h) }
func (h gateTimers) Less(i, j int) bool { return h[i].rings.Before(h[j].rings) }

func (h gateTimers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].due, h[j].due = i, j
}

// Push implements heap.Interface.
func (h *gateTimers) Push(x any) {
	e := x.(*gateEntry)
	e.due = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *gateTimers) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.due = -1
	return e
}

// set has a gate ring at a time, and reports whether it is now the first.
func (h *timerHeap) set(e *gateEntry, rings time.Time) (first bool) {
	if e.due >= 0 {
		if e.rings.Equal(rings) {
			return false
		}
		h.remove(e.due)
	}
	e.rings = rings
	heap.Push(&h.list, e)
	return e.due == 0
}

func (h *timerHeap) remove(i int) { heap.Remove(&h.list, i) }

// watchTime has gates looked at whose deadline has come, or whose window has passed
// where that is all that was missing, until ctx ends.
func (g *Gates) watchTime(ctx context.Context) {
	for {
		g.mu.Lock()
		var timer *time.Timer
		var ring <-chan time.Time
		now := g.now()
		for len(g.timers.list) > 0 {
			e := g.timers.list[0]
			if wait := e.rings.Sub(now); wait > 0 {
				timer = time.NewTimer(wait)
				ring = timer.C
				break
			}
			g.unwait(e)
			g.enqueue(e)
		}
		g.mu.Unlock()
		select {
		case <-ring:
		case <-g.alarm:
		case <-ctx.Done():
			if timer != nil {
				timer.Stop()
			}
			return
		}
		if timer != nil {
			timer.Stop()
		}
	}
}
