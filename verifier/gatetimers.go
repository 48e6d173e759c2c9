package verifier

import (
	"container/heap"
	"context"
	"time"
)

// timerHeap has the gate whose deadline comes first in front.
type timerHeap struct{ list gateTimers }

type gateTimers []*gateEntry

func (h gateTimers) Len() int           { return len(h) }
func (h gateTimers) Less(i, j int) bool { return h[i].gate.Deadline.Before(h[j].gate.Deadline) }

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

func (h *timerHeap) add(e *gateEntry) (first bool) {
	heap.Push(&h.list, e)
	return e.due == 0
}

func (h *timerHeap) remove(i int) { heap.Remove(&h.list, i) }

// watchTime has gates looked at whose deadline has come, until ctx ends.
func (g *Gates) watchTime(ctx context.Context) {
	for {
		g.mu.Lock()
		var timer *time.Timer
		var ring <-chan time.Time
		now := g.now()
		for len(g.timers.list) > 0 {
			e := g.timers.list[0]
			if wait := e.gate.Deadline.Sub(now); wait > 0 {
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
