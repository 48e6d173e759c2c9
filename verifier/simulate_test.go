package verifier

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// simRun plays histories on all cores until count of them are done or one is
// wrong, and reports what they came to.
func simRun(t *testing.T, first, count uint64) simStats {
	var next atomic.Uint64
	var failed atomic.Bool
	var mu sync.Mutex
	var sum simStats
	began := time.Now()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			var s simulation
			for !failed.Load() {
				n := next.Add(1) - 1
				if n >= count {
					break
				}
				h := simHistoryOf(first + n)
				found := s.play(h)
				s.stats.histories++
				s.stats.records += uint64(len(s.log.records))
				if found != nil && !failed.Swap(true) {
					text := simFailure(h, found)
					mu.Lock()
					t.Error(text)
					mu.Unlock()
				}
				if n > 0 && n%100_000 == 0 {
					t.Logf("%d histories after %s", n, time.Since(began).Round(time.Second))
				}
			}
			mu.Lock()
			sum.add(&s.stats)
			mu.Unlock()
		})
	}
	workers.Wait()
	t.Logf("seeds from %d on, in %s: %s", first, time.Since(began).Round(time.Millisecond), &sum)
	return sum
}

// simFailure writes down what was found, as small as it gets.
func simFailure(h *simHistory, found *simFinding) string {
	var s simulation
	small, again := s.shrink(h, found.check)
	if again == nil {
		return fmt.Sprintf("seed %d: %s: %s: not so when played again", h.seed, found.check, found.detail)
	}
	return fmt.Sprintf("FALCOGATE_SEED=%d: %s: %s\n%d of its %d operations are enough:\n%s",
		h.seed, found.check, found.detail, len(small.ops), len(h.ops), s.report(small))
}

// simNumber is a number from the environment.
func simNumber(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// Whatever goes wrong in a small world, no answer contradicts the truth.
func TestSimulation(t *testing.T) {
	count := uint64(10_000)
	if os.Getenv("FALCOGATE_SEED") != "" {
		count = 1
	}
	st := simRun(t, simNumber(t, "FALCOGATE_SEED", 1), count)
	if count == 1 || t.Failed() {
		return
	}
	// A world in which nothing happens would contradict nothing.
	for i, level := range []Evidence{Accounted, Heard, None} {
		for _, outcome := range []Outcome{Pass, Fail, Inconclusive} {
			require.Positive(t, st.outcomes[i][outcome], "%s at level %s", outcome, level)
		}
	}
	for _, kind := range correlate.GapKinds {
		if kind == correlate.GapNoPlacement {
			continue // this world has no pods: the models of correlate do
		}
		require.Positive(t, st.gaps[kind], kind)
	}
	for _, code := range []ReasonCode{ReasonNoWorkload, ReasonEvicted, ReasonMalformed, ReasonUnattributed, ReasonHostAlerts} {
		require.Positive(t, st.reasons[code], code)
	}
	require.Positive(t, st.musts)
	require.Positive(t, st.replays)
	require.Positive(t, st.proven)
	// What is known to pass for a proof is rare even in a world as bad as this.
	var known uint64
	for class := simOvertaken; class < simClasses; class++ {
		known += st.classes[class].passes
	}
	require.Less(t, known*200, st.outcomes[0][Pass]+st.outcomes[1][Pass])
}

// The same with as many histories as FALCOGATE_HISTORIES says, each a new one.
func TestSoak(t *testing.T) {
	count := simNumber(t, "FALCOGATE_HISTORIES", 0)
	if count == 0 {
		t.Skip("FALCOGATE_HISTORIES says how many")
	}
	simRun(t, simNumber(t, "FALCOGATE_SEED", uint64(time.Now().UnixNano())), count)
}
