package falcos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
)

const lease = "falcogate/falco-readers"

// group are some Falcos that stay, in their pods.
type group struct {
	places  []*place
	raising sync.WaitGroup
	stop    chan struct{}
}

func newGroup(t *testing.T, first, n int) *group {
	t.Helper()
	var g group
	for i := range n {
		p := newPlace(first+i, 1, new(sync.RWMutex))
		g.places = append(g.places, p)
		require.NoError(t, p.start(t.Context()))
		pod, err := p.appear(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() {
			require.NoError(t, p.current().server.Close())
			require.NoError(t, p.vanish(context.WithoutCancel(t.Context()), pod))
		})
	}
	return &g
}

// raise lets each Falco raise n alerts.
func (g *group) raise(t *testing.T, n int) {
	t.Helper()
	for _, p := range g.places {
		require.NoError(t, p.current().raise(t.Context(), n))
	}
}

// keepRaising lets all of them raise alerts until pause is called.
func (g *group) keepRaising(t *testing.T) (pause func()) {
	t.Helper()
	g.stop = make(chan struct{})
	for _, p := range g.places {
		g.raising.Go(func() {
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					if err := p.current().raise(t.Context(), 1); err != nil {
						t.Error(err)
						return
					}
				case <-g.stop:
					return
				}
			}
		})
	}
	return func() {
		close(g.stop)
		g.raising.Wait()
	}
}

// drained waits until somebody has taken all that was raised.
func (g *group) drained(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, p := range g.places {
		require.NoError(t, p.current().server.Drain(ctx))
	}
}

// raised are the ids of all alerts.
func (g *group) raised() (ids []string) {
	for _, p := range g.places {
		ids = append(ids, p.current().ids()...)
	}
	return ids
}

// wantOneReader wants that no Falco ever had two readers at a time.
func (g *group) wantOneReader(t *testing.T) {
	t.Helper()
	for _, p := range g.places {
		_, overlaps := p.current().connections.now()
		require.Zero(t, overlaps, "node-%d had two readers at once", p.number)
	}
}

// connected is how many readers there are.
func (g *group) connected() (n int) {
	for _, p := range g.places {
		connected, _ := p.current().connections.now()
		n += connected
	}
	return n
}

// standby starts a consumer that may take part.
func standby(t *testing.T, dir string) *gate {
	t.Helper()
	return startGate(t, dir, discovering("--falco-lease", lease)...)
}

func (g *gate) awaitLease(t *testing.T) {
	t.Helper()
	g.awaitMetric(t, `falcogate_kube_lease_held{lease="`+lease+`"}`, 1)
}

// await waits until the gate has so many alerts.
func (g *gate) await(t *testing.T, want int) {
	t.Helper()
	eventually(t, func() error {
		n, err := g.alerts(t.Context())
		if err == nil && n != want {
			err = fmt.Errorf("%d alerts, want %d", n, want)
		}
		return err
	})
}

// kept are the alerts in a folder whose gate has ended.
func kept(t *testing.T, dir string) []string {
	t.Helper()
	g := startGate(t, dir)
	defer g.stop(t)
	g.awaitMetric(t, "falcogate_index_ready", 1)
	return g.ids(t)
}

// TestTheHolderIsKilled kills the consumer that reads with SIGKILL while nothing
// is on its way: the other one takes over, and each alert is in one of both.
func TestTheHolderIsKilled(t *testing.T) {
	falcos := newGroup(t, 100, 6)
	dirs := []string{t.TempDir(), t.TempDir()}
	first := standby(t, dirs[0])
	first.awaitLease(t)
	second := standby(t, dirs[1])
	second.logged(t, "the Lease has a holder", `"ours":false`)
	falcos.raise(t, 20)
	before := falcos.raised()
	first.await(t, len(before))

	first.kill()
	falcos.raise(t, 20)
	require.Zero(t, falcos.connected(), "nobody reads; the queues keep it")
	second.awaitLease(t)
	all := falcos.raised()
	second.await(t, len(all)-len(before))
	after := second.ids(t)
	second.stop(t)
	require.ElementsMatch(t, before, kept(t, dirs[0]))
	require.ElementsMatch(t, all, slices.Concat(before, after))
	falcos.wantOneReader(t)
}

// TestTheHolderIsKilledAtWork kills it while alerts are on their way. Those are
// lost, as with any client of Falco; no other is, and none is in both.
func TestTheHolderIsKilledAtWork(t *testing.T) {
	falcos := newGroup(t, 110, 6)
	dirs := []string{t.TempDir(), t.TempDir()}
	first := standby(t, dirs[0])
	first.awaitLease(t)
	second := standby(t, dirs[1])
	pause := falcos.keepRaising(t)
	eventually(t, func() error { return wantMore(t, first, 500) })
	first.kill()
	second.awaitLease(t)
	eventually(t, func() error { return wantMore(t, second, 500) })
	pause()
	falcos.drained(t)
	second.stop(t)

	early, late := kept(t, dirs[0]), kept(t, dirs[1])
	lost := 0
	for _, p := range falcos.places {
		lost += wantOneGap(t, p.current().ids(), early, late)
	}
	t.Logf("%d alerts, %d on their way when the reader was killed", len(falcos.raised()), lost)
	require.Len(t, slices.Concat(early, late), len(falcos.raised())-lost)
	falcos.wantOneReader(t)
}

// wantMore wants more than n alerts.
func wantMore(t *testing.T, g *gate, n int) error {
	have, err := g.alerts(t.Context())
	if err == nil && have <= n {
		err = fmt.Errorf("%d alerts, want more than %d", have, n)
	}
	return err
}

// wantOneGap wants of the alerts that one Falco raised, in order, first those that
// the first reader has, then perhaps some that nobody has, then those of the second;
// and returns how many nobody has.
func wantOneGap(t *testing.T, raised, early, late []string) (lost int) {
	t.Helper()
	var states []int
	for _, id := range raised {
		state := 1
		switch inEarly, inLate := slices.Contains(early, id), slices.Contains(late, id); {
		case inEarly && inLate:
			require.Fail(t, "an alert is in both places", id)
		case inEarly:
			state = 0
		case inLate:
			state = 2
		default:
			lost++
		}
		states = append(states, state)
	}
	require.True(t, slices.IsSorted(states), "alerts are missing that were not on their way")
	return lost
}

// TestTheHolderStops hands over while alerts are on their way: none is lost, and the
// Lease is given up, so that nobody has to wait for it to run out.
func TestTheHolderStops(t *testing.T) {
	ctx := t.Context()
	falcos := newGroup(t, 120, 6)
	dirs := []string{t.TempDir(), t.TempDir()}
	first := standby(t, dirs[0])
	first.awaitLease(t)
	second := standby(t, dirs[1])
	pause := falcos.keepRaising(t)
	eventually(t, func() error { return wantMore(t, first, 500) })
	leases, err := shared.Clientset().CoordinationV1().Leases("falcogate").Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, "falco-readers").String(),
	})
	require.NoError(t, err)
	defer leases.Stop()
	first.stop(t)
	wantGivenUp(t, leases)
	second.awaitLease(t)
	eventually(t, func() error { return wantMore(t, second, 500) })
	pause()
	falcos.drained(t)
	second.stop(t)
	require.ElementsMatch(t, falcos.raised(), slices.Concat(kept(t, dirs[0]), kept(t, dirs[1])))
	falcos.wantOneReader(t)
}

// wantGivenUp wants the Lease to be nobody's next, and not another's who has waited
// for its end.
func wantGivenUp(t *testing.T, leases watch.Interface) {
	t.Helper()
	timeout := time.After(patience)
	holder := ""
	for {
		select {
		case e := <-leases.ResultChan():
			now := *e.Object.(*coordinationv1.Lease).Spec.HolderIdentity
			if now == "" {
				return
			}
			require.True(t, holder == "" || now == holder, "from %s it went to %s", holder, now)
			holder = now
		case <-timeout:
			require.FailNow(t, "the Lease is not given up")
		}
	}
}

// TestTheLeaseCanNotBeRenewed takes the API server away for longer than the Lease
// lasts: nobody reads, the process goes on, and all comes in the end, once.
func TestTheLeaseCanNotBeRenewed(t *testing.T) {
	falcos := newGroup(t, 130, 6)
	g := standby(t, t.TempDir())
	g.awaitLease(t)
	falcos.raise(t, 20)
	g.await(t, len(falcos.raised()))
	require.NoError(t, shared.StopAPIServer())
	falcos.raise(t, 20)
	g.logged(t, "the Lease is lost")
	eventually(t, func() error {
		if n := falcos.connected(); n > 0 {
			return fmt.Errorf("%d readers are left", n)
		}
		return nil
	})
	taken := len(falcos.raised())
	g.await(t, taken)
	falcos.raise(t, 20)
	g.awaitMetric(t, "falcogate_falco_readers", 0)
	n, err := g.alerts(t.Context())
	require.NoError(t, err)
	require.Equal(t, taken, n, "nobody reads")
	g.awaitMetric(t, `falcogate_kube_lease_held{lease="`+lease+`"}`, 0)

	require.NoError(t, shared.StartAPIServer(t.Context()))
	g.awaitLease(t)
	g.await(t, len(falcos.raised()))
	require.ElementsMatch(t, falcos.raised(), g.ids(t))
	g.awaitMetric(t, `falcogate_kube_lease_lost_total{lease="`+lease+`"}`, 1)
	falcos.wantOneReader(t)
	g.stop(t)
}

// TestAFrozenHolder freezes the one that reads for longer than its Lease lasts: the
// other takes over, and the first ends itself when it wakes up.
func TestAFrozenHolder(t *testing.T) {
	falcos := newGroup(t, 140, 3)
	first := standby(t, t.TempDir())
	first.awaitLease(t)
	falcos.raise(t, 20)
	before := len(falcos.raised())
	first.await(t, before)
	second := standby(t, t.TempDir())
	first.signal(syscall.SIGSTOP)
	second.awaitLease(t)
	first.signal(syscall.SIGCONT)
	select {
	case <-first.exited:
	case <-time.After(patience):
		require.FailNow(t, "it goes on", first.tail())
	}
	require.Equal(t, 2, first.cmd.ProcessState.ExitCode())
	first.logged(t, "the Lease runs out and what it covers has not stopped")
	falcos.raise(t, 20)
	falcos.drained(t)
	second.await(t, len(falcos.raised())-before)
	second.stop(t)
}
