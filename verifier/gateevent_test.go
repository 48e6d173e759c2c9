package verifier_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// pausing is a log whose user is stopped for a while, as by SIGSTOP, when it is about to
// publish a verdict, or behind having looked for one. Others go on meanwhile.
type pausing struct {
	*memlog.Log
	find, publish time.Duration

	mu sync.Mutex // of those who were not stopped yet
}

// pause stops the first who comes.
func (p *pausing) pause(d *time.Duration) {
	p.mu.Lock()
	long := *d
	*d = 0
	p.mu.Unlock()
	time.Sleep(long) // of the bubble's time
}

func (p *pausing) FindVerdict(ctx context.Context, id string) (map[string]string, []byte, bool, error) {
	header, data, found, err := p.Log.FindVerdict(ctx, id)
	p.pause(&p.find)
	return header, data, found, err
}

func (p *pausing) PublishVerdict(ctx context.Context, subject, id string, header map[string]string, data []byte) (uint64, bool, error) {
	p.pause(&p.publish)
	return p.Log.PublishVerdict(ctx, subject, id, header, data)
}

// Who is stopped before it publishes a verdict, for longer than the log remembers ids,
// does not publish what another has published meanwhile.
func TestGateVerdictIsPublishedOnceThoughStopped(t *testing.T) {
	const long = 5 * time.Minute
	for _, tt := range []struct {
		name          string
		first, second *pausing // of the one that decides it, and another
	}{
		{"the one that decided it", &pausing{publish: long}, &pausing{}},
		{"the one that looked whether it is there", &pausing{publish: long}, &pausing{find: long}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				tt.first.Log, tt.second.Log = w.log, w.log
				replicas := []*replica{startGatesAt(t, w.log, tt.first, w.store, w.clock, 0)}
				_, _, err := replicas[0].gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute)})
				require.NoError(t, err)
				w.falco.alert(inPod("shadow-1", "web", w.clock(), correlate.Warning))
				synctest.Wait()
				require.NotNil(t, replicas[0].verdictOf(t, "g"))
				replicas = append(replicas, startGatesAt(t, w.log, tt.second, w.store, w.clock, 0))
				time.Sleep(time.Second)
				replicas = append(replicas, startGates(t, w.log, w.store, w.clock, 0))
				time.Sleep(2 * long)
				synctest.Wait()
				require.Equal(t, map[string][]verifier.Outcome{"g": {verifier.Fail}}, w.published(t))
				for _, r := range replicas {
					gate, err := r.gates.Get(t.Context(), "g")
					require.NoError(t, err)
					require.True(t, gate.Published)
					r.stop()
				}
			})
		})
	}
}
