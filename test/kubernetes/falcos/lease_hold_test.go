package falcos

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// holding is a kube.Hold under test. What runs under the Lease is the test's.
type holding struct {
	begun chan context.Context // the context of run, when it begins
	end   chan error           // what run is to return
	done  chan error           // what Hold has returned
	stop  context.CancelFunc
}

// hold holds by a Lease of the test's own.
func hold(t *testing.T, o kube.LeaseOptions) *holding {
	t.Helper()
	client, err := kube.Connect(kube.Options{Kubeconfig: shared.Kubeconfig()})
	require.NoError(t, err)
	o.Logger = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background()) // it ends before the API server does
	h := &holding{begun: make(chan context.Context, 9), end: make(chan error, 9), done: make(chan error, 1), stop: cancel}
	go func() {
		defer close(h.done)
		h.done <- client.Hold(ctx, o, func(ctx context.Context) error {
			h.begun <- ctx
			return <-h.end
		})
	}()
	t.Cleanup(func() {
		cancel()
		close(h.end)
		<-h.done
	})
	return h
}

// quick are times that tests can wait for.
func quick(name string) kube.LeaseOptions {
	return kube.LeaseOptions{
		Namespace: "falcogate", Name: controlplane.UniqueName(name), Identity: "one", Duration: 4 * time.Second, RenewDeadline: 2 * time.Second,
		RetryPeriod: 200 * time.Millisecond, Margin: 500 * time.Millisecond,
	}
}

// within waits for a channel.
func within[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.FailNow(t, what)
	}
	return v
}

func getLease(t *testing.T, name string) *coordinationv1.Lease {
	t.Helper()
	l, err := shared.Clientset().CoordinationV1().Leases("falcogate").Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return l
}

// TestTheLeaseIsGivenUpLast lets what runs take longer to stop than the Lease
// lasts: until then it is renewed, and nobody else can have it.
func TestTheLeaseIsGivenUpLast(t *testing.T) {
	o := quick("given-up-last")
	h := hold(t, o)
	running := within(t, h.begun, "it does not begin")
	o.Identity = "two"
	other := hold(t, o)
	h.stop()
	within(t, running.Done(), "its context does not end")
	stopped := time.Now()
	eventually(t, func() error {
		l := getLease(t, o.Name)
		require.Equal(t, "one", *l.Spec.HolderIdentity)
		if l.Spec.RenewTime.Time.Before(stopped.Add(o.Duration)) {
			return errors.New("it is not renewed")
		}
		return nil
	})
	require.Empty(t, other.begun)
	require.Empty(t, h.done)
	h.end <- errors.New("one alert may be lost")
	require.EqualError(t, within(t, h.done, "it does not return"), "one alert may be lost")
	within(t, other.begun, "the other one does not begin")
}

// TestTheLeaseIsTaken writes another holder into the Lease. What runs is stopped,
// and the Lease stays that one's.
func TestTheLeaseIsTaken(t *testing.T) {
	ctx := t.Context()
	o, registry := quick("taken"), prometheus.NewRegistry()
	o.Registerer = registry
	h := hold(t, o)
	running := within(t, h.begun, "it does not begin")
	leases := shared.Clientset().CoordinationV1().Leases("falcogate")
	require.NoError(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		l, err := leases.Get(ctx, o.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		intruder, hour, now := "intruder", int32(3600), metav1.NowMicro()
		l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.RenewTime = &intruder, &hour, &now
		_, err = leases.Update(ctx, l, metav1.UpdateOptions{})
		return err
	}))
	within(t, running.Done(), "it is not stopped")
	h.end <- nil
	eventually(t, func() error {
		return testutil.GatherAndCompare(registry, strings.NewReader(`
			# HELP falcogate_kube_lease_held Whether this process holds the Lease.
			# TYPE falcogate_kube_lease_held gauge
			falcogate_kube_lease_held{lease="`+o.String()+`"} 0
		`), "falcogate_kube_lease_held")
	})
	require.Equal(t, "intruder", *getLease(t, o.Name).Spec.HolderIdentity)
	h.stop()
	require.NoError(t, within(t, h.done, "it does not return"))
	require.Equal(t, "intruder", *getLease(t, o.Name).Spec.HolderIdentity, "it is not taken from another")
	require.Empty(t, h.begun)
}

// TestWhatDoesNotStop ends the process: here, a stand-in for its end.
func TestWhatDoesNotStop(t *testing.T) {
	o, exit := quick("does-not-stop"), make(chan int, 1)
	o.Exit = func(code int) { exit <- code }
	h := hold(t, o)
	running := within(t, h.begun, "it does not begin")
	require.NoError(t, shared.StopAPIServer())
	defer func() { require.NoError(t, shared.StartAPIServer(context.WithoutCancel(t.Context()))) }()
	within(t, running.Done(), "its context does not end")
	require.Equal(t, 2, within(t, exit, "the process does not end"))
	require.ErrorContains(t, within(t, h.done, "it does not return"), "did not stop in time")
}

// TestWhatEndsByItself ends the holding, and the Lease is given up.
func TestWhatEndsByItself(t *testing.T) {
	o := quick("ends-by-itself")
	h := hold(t, o)
	within(t, h.begun, "it does not begin")
	h.end <- errors.New("the log refuses all")
	require.EqualError(t, within(t, h.done, "it does not return"), "the log refuses all")
	require.Empty(t, *getLease(t, o.Name).Spec.HolderIdentity)
}

// TestManyHoldOneLease lets five come and go; never are two inside, and nobody waits
// for long.
func TestManyHoldOneLease(t *testing.T) {
	const holders, terms = 5, 4
	client, err := kube.Connect(kube.Options{Kubeconfig: shared.Kubeconfig()})
	require.NoError(t, err)
	var inside, twice atomic.Int64
	var all sync.WaitGroup
	name := quick("many").Name
	for range holders {
		all.Go(func() {
			for range terms {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				o := quick("many")
				o.Name, o.Identity, o.Logger = name, "", slog.New(slog.DiscardHandler)
				err := client.Hold(ctx, o, func(ctx context.Context) error {
					if inside.Add(1) > 1 {
						twice.Add(1)
					}
					time.AfterFunc(100*time.Millisecond, cancel) // its turn is over
					<-ctx.Done()
					inside.Add(-1)
					return nil
				})
				if err != nil || !errors.Is(ctx.Err(), context.Canceled) {
					t.Errorf("it had no turn: %v, %v", err, ctx.Err())
				}
				cancel()
			}
		})
	}
	all.Wait()
	require.Zero(t, twice.Load())
}

// TestWithoutRightsOnTheLease waits and never begins; so does one whose API server
// is away, and both end at once.
func TestWithoutRightsOnTheLease(t *testing.T) {
	client, err := kube.Connect(kube.Options{Kubeconfig: asGate}) // it may use one Lease only
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	registry, done := prometheus.NewRegistry(), make(chan error, 1)
	o := quick("forbidden")
	o.Registerer, o.Logger = registry, slog.New(slog.DiscardHandler)
	go func() {
		done <- client.Hold(ctx, o, func(context.Context) error { return errors.New("it has begun") })
	}()
	refused := func(n float64) {
		eventually(t, func() error {
			families, err := registry.Gather()
			if err != nil {
				return err
			}
			for _, f := range families {
				if f.GetName() == "falcogate_kube_lease_errors_total" && f.GetMetric()[0].GetCounter().GetValue() >= n {
					return nil
				}
			}
			return errors.New("no refusal is counted")
		})
	}
	refused(3)
	require.NoError(t, shared.PauseAPIServer(t.Context()))
	defer func() { require.NoError(t, shared.ResumeAPIServer(context.WithoutCancel(t.Context()))) }()
	refused(5)
	cancel()
	require.NoError(t, within(t, done, "it does not return"))
}
