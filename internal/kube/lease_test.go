package kube

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func TestParseLease(t *testing.T) {
	namespace, name, err := ParseLease("falcogate/falco-readers.v1")
	require.NoError(t, err)
	require.Equal(t, [2]string{"falcogate", "falco-readers.v1"}, [2]string{namespace, name})
	for in, want := range map[string]string{
		"": "namespace", "falcogate": "name", "falcogate/": "name", "/x": "namespace", "a/B": "name", "a/b/c": "name", "a.b/c": "namespace",
	} {
		_, _, err := ParseLease(in)
		require.ErrorContains(t, err, want, in)
		require.ErrorContains(t, err, "want NAMESPACE/NAME", in)
	}
}

func TestLeaseOptions(t *testing.T) {
	o := LeaseOptions{Namespace: "a", Name: "b"}
	require.Equal(t, 4*time.Second, o.StopTime())
	require.NoError(t, o.complete())
	require.Equal(t, DefaultLeaseDuration, o.Duration)
	other := LeaseOptions{Namespace: "a", Name: "b"}
	require.NoError(t, other.complete())
	require.NotEqual(t, o.Identity, other.Identity, "a process started anew is another")

	for name, c := range map[string]struct {
		o    LeaseOptions
		want string
	}{
		"no name":        {LeaseOptions{Namespace: "a"}, "name"},
		"fractions":      {LeaseOptions{Namespace: "a", Name: "b", Duration: 15500 * time.Millisecond}, "whole seconds"},
		"below a second": {LeaseOptions{Namespace: "a", Name: "b", Duration: time.Millisecond}, "whole seconds"},
		"no time to stop": {
			LeaseOptions{Namespace: "a", Name: "b", Duration: 11 * time.Second, RenewDeadline: 10 * time.Second}, "time to stop",
		},
		"negative": {LeaseOptions{Namespace: "a", Name: "b", RetryPeriod: -1}, "above zero"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, c.o.complete(), c.want)
			require.ErrorContains(t, (&Client{}).Hold(t.Context(), c.o, nil), c.want)
		})
	}
}

// newTerm is a holder of a Lease that was renewed just now.
func newTerm(t *testing.T) (*holder, *leaseLock) {
	t.Helper()
	o := LeaseOptions{Namespace: "a", Name: "b", Identity: "me", Logger: quiet}
	require.NoError(t, o.complete())
	h := &holder{o: o, logger: quiet, metrics: newLeaseMetrics(nil, o.String())}
	return h, &leaseLock{
		lock:  &resourcelock.LeaseLock{LockConfig: resourcelock.ResourceLockConfig{Identity: "me"}},
		taken: make(chan struct{}), sent: time.Now(), holder: "me",
	}
}

// renew is what the election does.
func (l *leaseLock) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = time.Now()
}

func TestWhyATermEnds(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(ended context.CancelFunc, lock *leaseLock, over, done chan struct{})
		want    end
		after   time.Duration
	}{
		"not renewed":     {func(context.CancelFunc, *leaseLock, chan struct{}, chan struct{}) {}, lost, 10 * time.Second},
		"renewed once":    {func(_ context.CancelFunc, l *leaseLock, _, _ chan struct{}) { l.renew() }, lost, 15 * time.Second},
		"taken":           {func(_ context.CancelFunc, l *leaseLock, _, _ chan struct{}) { close(l.taken) }, lost, 5 * time.Second},
		"election over":   {func(_ context.CancelFunc, _ *leaseLock, over, _ chan struct{}) { close(over) }, lost, 5 * time.Second},
		"run is done":     {func(_ context.CancelFunc, _ *leaseLock, _, done chan struct{}) { close(done) }, returned, 5 * time.Second},
		"asked to end it": {func(end context.CancelFunc, _ *leaseLock, _, _ chan struct{}) { end() }, asked, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, lock := newTerm(t)
				ctx, end := context.WithCancel(t.Context())
				defer end()
				over, done := make(chan struct{}), make(chan struct{})
				begin := time.Now()
				time.AfterFunc(5*time.Second, func() { c.happens(end, lock, over, done) })
				require.Equal(t, c.want, h.await(ctx, lock, over, done))
				require.Equal(t, c.after, time.Since(begin))
				time.Sleep(time.Minute) // AfterFunc is over
			})
		})
	}
}

// What the Lease covers has until shortly before the Lease runs out, and longer
// when it is renewed meanwhile.
func TestTheTimeToStop(t *testing.T) {
	for name, c := range map[string]struct {
		takes, renewedAt time.Duration
		want             bool
		after            time.Duration
	}{
		"in time":               {13 * time.Second, 0, true, 13 * time.Second},
		"too long":              {15 * time.Second, 0, false, 14 * time.Second},
		"renewed meanwhile":     {20 * time.Second, 8 * time.Second, true, 20 * time.Second},
		"renewed, and too long": {30 * time.Second, 8 * time.Second, false, 22 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, lock := newTerm(t)
				done := make(chan struct{})
				begin := time.Now()
				time.AfterFunc(c.takes, func() { close(done) })
				if c.renewedAt > 0 {
					time.AfterFunc(c.renewedAt, lock.renew)
				}
				require.Equal(t, c.want, h.stopped(lock, done))
				require.Equal(t, c.after, time.Since(begin))
				time.Sleep(time.Minute) // AfterFunc is over
			})
		})
	}
}

// A process that was frozen beyond its Lease finds its time over at once; one whose
// readers have stopped by then may go on.
func TestFrozenBeyondTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, lock := newTerm(t)
		time.Sleep(time.Minute)
		done := make(chan struct{})
		begin := time.Now()
		require.Equal(t, lost, h.await(t.Context(), lock, nil, done))
		require.False(t, h.stopped(lock, done))
		close(done)
		require.True(t, h.stopped(lock, done))
		require.Equal(t, begin, time.Now())
	})
}

// The Lease is not given up before what it covers has stopped, nor when it is
// another's already.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, lock := newTerm(t)
		require.NoError(t, lock.mayGiveUp(t.Context()), "nothing runs yet")
		done := make(chan struct{})
		lock.occupy(done)
		short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.ErrorIs(t, lock.mayGiveUp(short), errStillBusy)
		time.AfterFunc(time.Hour, func() { close(done) })
		begin := time.Now()
		require.NoError(t, lock.mayGiveUp(t.Context()))
		require.Equal(t, time.Hour, time.Since(begin))
		lock.holder = "another"
		require.ErrorIs(t, lock.mayGiveUp(t.Context()), errTakenAlready)
	})
}
