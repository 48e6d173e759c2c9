package falcos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestFiftyFalcosThatComeAndGo wants every alert of every Falco, once, while pods
// come and go in all ways, and the API server is away for a while.
func TestFiftyFalcosThatComeAndGo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := startGate(t, t.TempDir(), discovering()...)

	// One Falco stays.
	var api sync.RWMutex
	witness := newPlace(places, seed, &api)
	require.NoError(t, witness.start(ctx))
	last, err := witness.appear(ctx)
	require.NoError(t, err)
	everywhere := []*place{witness}
	var half, all sync.WaitGroup
	half.Add(places)
	for i := range places {
		p := newPlace(i, seed, &api)
		everywhere = append(everywhere, p)
		all.Go(func() {
			if err := p.live(ctx, &half); err != nil {
				t.Error(err)
			}
		})
	}
	defer func() {
		cancel()
		all.Wait()
		for _, p := range everywhere {
			for _, f := range p.falcos {
				f.server.Close()
			}
		}
		removePods(t)
	}()
	half.Wait()
	outage(t, g, witness)
	all.Wait()
	require.False(t, t.Failed())

	wantOnce(t, g, everywhere)
	g.awaitMetric(t, "falcogate_kube_falcos", places+1)
	g.awaitMetric(t, "falcogate_falco_readers", places+1)
	require.NoError(t, witness.vanish(ctx, last))
	g.awaitMetric(t, "falcogate_kube_falcos", places)
	g.awaitMetric(t, "falcogate_falco_readers", places)
	g.stop(t)
}

// removePods removes all pods of Falcos, for the tests after this one.
func removePods(t *testing.T) {
	now := int64(0)
	err := shared.Clientset().CoreV1().Pods("falco").DeleteCollection(context.WithoutCancel(t.Context()),
		metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
	require.NoError(t, err)
}

// outage stops the API server while a Falco that is known raises alerts, which come
// in all the same.
func outage(t *testing.T, g *gate, witness *place) {
	t.Helper()
	witness.api.Lock()
	defer witness.api.Unlock()
	require.NoError(t, shared.StopAPIServer())
	g.logged(t, "the API server could not be asked", "the Falcos in namespace falco")
	require.NoError(t, witness.current().raise(t.Context(), 20))
	eventually(t, func() error { return containsAll(g.ids(t), witness.current().ids()) })
	require.NoError(t, shared.StartAPIServer(t.Context()))
}

// wantOnce wants all that was raised anywhere, each alert once, and no Falco that
// had two readers at a time.
func wantOnce(t *testing.T, g *gate, everywhere []*place) {
	t.Helper()
	var raised []string
	pods, falcos := 0, 0
	for _, p := range everywhere {
		pods, falcos = pods+p.pods, falcos+len(p.falcos)
		for i, f := range p.falcos {
			raised = append(raised, f.ids()...)
			_, overlaps := f.connections.now()
			require.Zero(t, overlaps, "Falco %d of node-%d had two readers at once", i, p.number)
		}
	}
	t.Logf("%d alerts of %d Falcos in %d pods", len(raised), falcos, pods)
	eventually(t, func() error {
		n, err := g.alerts(t.Context())
		if err == nil && n < len(raised) {
			err = fmt.Errorf("%d alerts, want %d", n, len(raised))
		}
		return err
	})
	require.ElementsMatch(t, raised, g.ids(t))
	g.awaitMetric(t, "falcogate_eventlog_duplicates_total", 0)
	g.awaitMetric(t, "falcogate_index_duplicate_alerts_total", 0)
}

// containsAll is nil when all that is wanted is there.
func containsAll(have, want []string) error {
	there := make(map[string]bool, len(have))
	for _, id := range have {
		there[id] = true
	}
	missing := 0
	for _, id := range want {
		if !there[id] {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d alerts are missing", missing, len(want))
	}
	return nil
}
