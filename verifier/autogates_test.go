package verifier_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

var autoPolicies = map[string]verifier.GatePolicy{
	"shadow": {Spec: func(time.Time) (verifier.GateSpec, error) {
		return verifier.GateSpec{Labels: map[string]string{"team": "a"}}, nil
	}},
	"short": {Duration: time.Minute, Spec: func(time.Time) (verifier.GateSpec, error) {
		return verifier.GateSpec{Severity: correlate.Error}, nil
	}},
	"wrong": {Spec: func(time.Time) (verifier.GateSpec, error) { return verifier.GateSpec{Digest: "latest"}, nil }},
}

// cluster is what namespaces ask for in truth.
type cluster struct {
	mu     sync.Mutex
	asking []verifier.GateRequest
	down   error
}

func (c *cluster) set(down error, asking ...verifier.GateRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking, c.down = asking, down
}

func (c *cluster) ask(_ context.Context, namespace string) (verifier.GateRequest, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.asking {
		if r.Namespace == namespace {
			return r, true, c.down
		}
	}
	return verifier.GateRequest{}, false, c.down
}

// auto starts what opens gates for namespaces at a replica.
func (r *replica) auto(t *testing.T, c *cluster) *verifier.AutoGates {
	t.Helper()
	a := verifier.NewAutoGates(verifier.AutoGatesOptions{Gates: r.gates, Policies: autoPolicies, Ask: c.ask})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return a
}

// listed are the gates that a replica knows, by namespace and policy.
func (r *replica) listed(t *testing.T) map[string]verifier.ListedGate {
	t.Helper()
	list, err := r.gates.List(verifier.GateFilter{})
	require.NoError(t, err)
	all := map[string]verifier.ListedGate{}
	for _, g := range list {
		all[g.Namespace+" "+g.Labels[verifier.AutoPolicyLabel]+g.Labels[verifier.AutoRunLabel]] = g
	}
	require.Len(t, all, len(list), "none twice")
	return all
}

func TestAutoGates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		replicas := []*replica{startGates(t, w.log, w.store, w.clock, 0), startGates(t, w.log, w.store, w.clock, 0)}
		c := &cluster{}
		autos := []*verifier.AutoGates{replicas[0].auto(t, c), replicas[1].auto(t, c)}
		set := func(asking ...verifier.GateRequest) map[string]verifier.ListedGate {
			c.set(nil, asking...)
			for _, a := range autos {
				a.Set("cluster-1", asking)
			}
			synctest.Wait()
			all := replicas[0].listed(t)
			require.Equal(t, all, replicas[1].listed(t))
			return all
		}
		seen := w.clock().Add(-20 * time.Second)
		shadow := verifier.GateRequest{Namespace: "shadow-1", UID: "u1", Policy: "shadow", Since: seen}
		short := verifier.GateRequest{Namespace: "shadow-2", UID: "u2", Policy: "short", Since: w.clock().Add(time.Hour)}
		all := set(shadow, short, verifier.GateRequest{Namespace: "x", UID: "u3", Policy: "no-such", Since: seen},
			verifier.GateRequest{Namespace: "x", UID: "u4", Policy: "wrong", Since: seen},
			verifier.GateRequest{Namespace: "x", UID: "u5", Policy: "shadow", Since: seen.Add(-25 * time.Hour)},
			verifier.GateRequest{Namespace: "x", UID: "u6", Policy: "shadow", Since: seen, Closed: true})
		require.Len(t, all, 2)
		gate := all["shadow-1 shadow"]
		require.Equal(t, verifier.GateOpen, gate.State)
		require.Equal(t, seen, gate.Start)
		require.Zero(t, gate.End)
		require.Equal(t, map[string]string{"team": "a", verifier.AutoClusterLabel: "cluster-1", verifier.AutoNamespaceLabel: "u1", verifier.AutoPolicyLabel: "shadow"}, gate.Labels)
		other := all["shadow-2 short"]
		require.Equal(t, epoch, other.Start, "not ahead of what time it is")
		require.Equal(t, epoch.Add(time.Minute), other.End)
		require.Equal(t, correlate.Error, other.Severity)

		// Nothing is opened twice, and what others have opened is not theirs to close.
		_, _, err := replicas[0].gates.Open(t.Context(), verifier.GateSpec{ID: "mine", Namespace: "shadow-3"})
		require.NoError(t, err)
		_, _, err = replicas[0].gates.Open(t.Context(), verifier.GateSpec{ID: "of-another-cluster", Namespace: "shadow-4", Labels: map[string]string{verifier.AutoClusterLabel: "cluster-2"}})
		require.NoError(t, err)
		all = set(shadow, short)
		require.Len(t, all, 4)

		// Another run is another gate, and the one before ends; so does that of a namespace
		// that is gone.
		w.goOn(10 * time.Second)
		again := shadow
		again.Run, again.Since = "2", w.clock()
		all = set(again)
		require.Len(t, all, 5)
		require.Equal(t, verifier.GateClosed, all["shadow-1 shadow"].State)
		require.Equal(t, w.clock(), all["shadow-1 shadow"].ClosedAt)
		require.Equal(t, verifier.GateClosed, all["shadow-2 short"].State)
		require.Equal(t, verifier.GateOpen, all["shadow-1 shadow2"].State)
		require.Equal(t, verifier.GateOpen, all["shadow-3 "].State)
		require.Equal(t, verifier.GateOpen, all["shadow-4 "].State)

		// It asks to be closed, and they are all decided.
		w.goOn(10 * time.Second)
		again.Closed = true
		require.Equal(t, verifier.GateClosed, set(again)["shadow-1 shadow2"].State)
		w.goOn(30 * time.Second)
		for _, name := range []string{"shadow-1 shadow", "shadow-2 short", "shadow-1 shadow2"} {
			all = replicas[1].listed(t)
			require.Equal(t, verifier.GateDecided, all[name].State, name)
			require.Equal(t, verifier.Pass, all[name].Verdict.Verdict, all[name].Verdict.Message)
		}
		require.Len(t, set(shadow), 5, "one that is over is not opened again")
	})
}

// What fails is tried again, and before it is known what asks nothing is closed.
func TestAutoGatesTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 1)
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "old", Namespace: "shadow-9", Labels: map[string]string{verifier.AutoClusterLabel: "c"}})
		require.NoError(t, err)
		a := r.auto(t, &cluster{})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Equal(t, verifier.GateOpen, r.listed(t)["shadow-9 "].State)

		w.store.Break(errors.New("away"))
		a.Set("c", []verifier.GateRequest{{Namespace: "shadow-1", UID: "u1", Policy: "shadow", Since: w.clock()}})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, r.listed(t), 1)
		w.store.Break(nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.NotEqual(t, verifier.GateOpen, r.listed(t)["shadow-9 "].State)
		require.Len(t, r.listed(t), 1, "as many as may be are open")
		time.Sleep(10 * time.Minute) // the other one is decided
		synctest.Wait()
		require.Equal(t, verifier.GateOpen, r.listed(t)["shadow-1 shadow"].State)
	})
}

// A replica that has not heard of a namespace yet does not close the gate that another has
// opened for it, and one that can't ask closes nothing.
func TestAutoGatesOfReplicasThatLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		replicas := []*replica{startGates(t, w.log, w.store, w.clock, 0), startGates(t, w.log, w.store, w.clock, 0)}
		c := &cluster{}
		first, second := replicas[0].auto(t, c), replicas[1].auto(t, c)
		asks := verifier.GateRequest{Namespace: "shadow-1", UID: "u1", Policy: "shadow", Since: w.clock()}
		second.Set("c", nil)
		c.set(nil, asks)
		first.Set("c", []verifier.GateRequest{asks})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Equal(t, verifier.GateOpen, replicas[1].listed(t)["shadow-1 shadow"].State)

		c.set(errors.New("away"), asks)
		first.Set("c", nil)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Equal(t, verifier.GateOpen, replicas[1].listed(t)["shadow-1 shadow"].State)

		// The namespace was deleted and made again: that is another one.
		asks.UID = "u2"
		c.set(nil, asks)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, verifier.GateClosed, replicas[1].listed(t)["shadow-1 shadow"].State)
	})
}
