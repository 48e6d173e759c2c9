package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// patience is how long behind its window's end a gate waits for proof, and half of what
// any wait here takes at most.
const patience = 40 * time.Second

// enough gates are so many that some pass, whatever happens.
const enough = 40

// number reads one from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// Whatever dies: each gate gets exactly one verdict, the one that the whole log implies,
// and none passes in whose window something was raised.
func TestGatesOutliveEverything(t *testing.T) {
	gates := int(number(t, "CHAOS_GATES", 40))
	seed := number(t, "CHAOS_SEED", uint64(time.Now().UnixNano()))
	t.Logf("CHAOS_SEED=%d CHAOS_GATES=%d", seed, gates)
	rnd := rand.New(rand.NewPCG(seed, 0))

	s, err := newSite(t.TempDir(), falcogate)
	require.NoError(t, err)
	var wrong []error
	defer func() {
		if t.Failed() || len(wrong) > 0 {
			for _, p := range s.processes() {
				t.Logf("-- %s --\n%s", p.name, p.tail(30))
			}
		}
		// At the end, where who reads a long output looks first.
		for _, err := range wrong {
			t.Error(err)
		}
		require.NoError(t, s.end())
	}()
	for _, p := range s.processes() {
		require.NoError(t, p.start())
	}
	apis := make([]*client.Client, size)
	for i := range apis {
		apis[i], err = client.New("http://"+s.apis[i], &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
		require.NoError(t, err)
		ready(t, s.apis[i])
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	falcos := make([]*falco, len(sensors))
	var running sync.WaitGroup
	for i, name := range sensors {
		falcos[i] = newFalco(name, s.ingests, rnd.Uint64())
		running.Go(func() { falcos[i].run(ctx, 500*time.Millisecond) })
	}
	after(ctx, 5*time.Second) // nothing is proven before three intervals are known

	pipelines := make([]*pipeline, gates)
	for i := range pipelines {
		pipelines[i] = newPipeline(i, falcos, rnd)
	}
	wrecking, wrecked := context.WithCancel(ctx)
	faults := make(chan int, 1)
	faultRand := rand.New(rand.NewPCG(seed, 2))
	go func() { faults <- s.wreck(wrecking, t, faultRand) }()
	var opened sync.WaitGroup
	for i, p := range pipelines {
		pipelineRand := rand.New(rand.NewPCG(seed, uint64(100+i)))
		opened.Go(func() {
			if err := p.run(ctx, apis, pipelineRand); err != nil {
				t.Errorf("pipeline: %v", err)
			}
		})
		after(ctx, time.Duration(200+rnd.IntN(800))*time.Millisecond)
	}
	opened.Wait()
	wrecked()
	n := <-faults
	for _, p := range s.processes() {
		if err := p.crashed(); err != nil {
			t.Error(err)
		}
	}

	list := settled(ctx, t, apis[rnd.IntN(size)], gates)
	cancel()
	running.Wait()
	// One that was not there reads the whole log.
	require.NoError(t, s.replicas[0].kill())
	require.NoError(t, s.replicas[0].start())
	ready(t, s.apis[0])
	wrong = judge(t, s, pipelines, falcos, list, apis[0], n)
}

// judge holds all gates against what must be true of them, and returns what is not.
func judge(t *testing.T, s *site, pipelines []*pipeline, falcos []*falco, list []verifier.ListedGate, fresh *client.Client, faults int) (wrong []error) {
	t.Helper()
	events := readVerdicts(t.Context(), t, "nats://"+s.direct[0])
	stored := map[string]verifier.ListedGate{}
	for _, g := range list {
		stored[g.ID] = g
	}
	outcomes, passes := map[string]int{}, 0
	for _, p := range pipelines {
		j := &judgement{pipeline: p, gate: stored[p.id], events: events.verdicts[p.id]}
		j.truth = within(falcos, p.namespace, p.start, j.until())
		if err := j.check(t.Context(), fresh); err != nil {
			wrong = append(wrong, fmt.Errorf("%s %w\n%s", p.id, err, j))
		}
		if len(j.events) > 0 {
			if j.events[0].Verdict == verifier.Pass {
				passes++
			}
			outcomes[j.events[0].Verdict.String()+" "+string(j.events[0].Reason)]++
		} else {
			outcomes["cancelled"]++
		}
		delete(events.verdicts, p.id)
	}
	if len(events.verdicts) > 0 {
		wrong = append(wrong, fmt.Errorf("verdicts of gates that nobody opened: %+v", events.verdicts))
	}
	for _, c := range events.contradictions {
		wrong = append(wrong, fmt.Errorf("a pass was contradicted: %+v", c))
	}
	messages := 0
	for _, f := range falcos {
		messages += f.dropped
	}
	t.Logf("%d gates, %d faults, %d messages that no replica took: %v", len(pipelines), faults, messages, outcomes)
	if len(pipelines) >= enough && passes == 0 {
		wrong = append(wrong, errors.New("no gate has passed, so that none could pass wrongly"))
	}
	return wrong
}

// ready waits until a replica says that it is.
func ready(t *testing.T, api string) {
	t.Helper()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	require.Eventually(t, func() bool {
		resp, err := client.Get("http://" + api + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 2*patience, 100*time.Millisecond, api)
}
