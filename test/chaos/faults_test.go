package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// fault is something that goes wrong for a while.
type fault struct {
	name  string
	begin func() error
	end   func() error
}

// faultsOf are all that may happen to one server or replica.
func (s *site) faultsOf(server bool, i int) []fault {
	p, links := s.replicas[i], s.replicaLinks(i)
	if server {
		p, links = s.servers[i], s.serverLinks(i)
	}
	all := func(links []*link, state linkState) func() error {
		return func() error {
			for _, l := range links {
				l.set(state)
			}
			return nil
		}
	}
	faults := []fault{
		{p.name + " is killed", p.kill, p.start},
		{p.name + " is stopped", p.pause, p.resume},
		{p.name + " is cut off", all(links, cut), all(links, whole)},
		{p.name + " goes deaf", all(links, deaf), all(links, whole)},
	}
	if server {
		// Replicas still reach it, and for a while it may take itself for the leader.
		routes := s.routeLinks(i)
		faults = append(faults,
			fault{p.name + " is cut off from the other servers", all(routes, cut), all(routes, whole)},
			fault{p.name + " goes deaf to the other servers", all(routes, deaf), all(routes, whole)})
	}
	return faults
}

// wreck has one fault after another happen until ctx ends, and some at a time. It ends
// with all healed.
func (s *site) wreck(ctx context.Context, t *testing.T, rnd *rand.Rand) (count int) {
	t.Helper()
	var active sync.WaitGroup
	defer active.Wait()
	began := time.Now()
	busy := map[string]bool{}
	var mu sync.Mutex
	for {
		server, i := rnd.IntN(2) == 0, rnd.IntN(size)
		faults := s.faultsOf(server, i)
		f := faults[rnd.IntN(len(faults))]
		lasts := time.Duration(500+rnd.IntN(7500)) * time.Millisecond
		pause := time.Duration(rnd.IntN(1500)) * time.Millisecond
		together := rnd.IntN(3) == 0 // with the next one
		target := fmt.Sprint(server, i)
		mu.Lock()
		free := !busy[target]
		busy[target] = true
		mu.Unlock()
		if free {
			count++
			t.Logf("%6.2fs %s for %s", time.Since(began).Seconds(), f.name, lasts)
			active.Go(func() {
				if err := f.begin(); err != nil {
					t.Errorf("%s: %v", f.name, err)
				}
				after(ctx, lasts)
				if err := f.end(); err != nil {
					t.Errorf("the end of %s: %v", f.name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				delete(busy, target)
			})
		}
		if !together {
			active.Wait()
			after(ctx, pause)
		}
		if ctx.Err() != nil {
			return count
		}
	}
}

// after waits, or until ctx ends.
func after(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
