package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseLock is client-go's lock for one term, with what that leaves open:
//
//   - Each request is bounded in time, also while the Lease is not held.
//   - It knows since when the Lease is sure to be held: from before the last
//     renewal was sent, and not from when its answer came.
//   - The Lease is not given up before what it covers has stopped. client-go gives
//     it up as soon as it fails to renew.
//   - The Lease is not given up when it is another's already. client-go would take
//     it from that one.
type leaseLock struct {
	lock    *resourcelock.LeaseLock
	timeout time.Duration
	outage  outage
	taken   chan struct{} // closed when another is seen to hold what we held

	mu     sync.Mutex
	sent   time.Time       // when the last renewal that succeeded was sent
	holder string          // as last read or written
	busy   <-chan struct{} // not nil once there is something to stop; closed when it has
}

var (
	errStillBusy    = errors.New("the Lease is not given up: what it covers has not stopped")
	errTakenAlready = errors.New("the Lease is not given up: another holds it")
)

func (h *holder) newLock(c *Client) *leaseLock {
	return &leaseLock{
		lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: h.o.Namespace, Name: h.o.Name},
			Client:     c.api.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: h.o.Identity},
		},
		timeout: h.o.RenewDeadline / 2,
		outage: outage{
			logger: h.logger, failed: h.metrics.failed,
			what: "the Lease; nobody reads whom it covers unless they hold it", hint: "get, create and update leases",
		},
		taken: make(chan struct{}),
	}
}

// occupy says that something runs under the Lease until done is closed.
func (l *leaseLock) occupy(done <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = done
}

// age is the time since the last renewal was sent, by a clock that nobody sets.
// It stands still while a machine is suspended; then the next renewal finds the
// Lease taken.
func (l *leaseLock) age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.sent)
}

// Get is for the election.
func (l *leaseLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	bounded, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	record, raw, err := l.lock.Get(bounded)
	if !apierrors.IsNotFound(err) {
		l.outage.note(ctx, err)
	}
	if err != nil {
		return nil, nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = record.HolderIdentity
	if held := !l.sent.IsZero(); held && l.holder != "" && l.holder != l.Identity() {
		select {
		case <-l.taken:
		default:
			close(l.taken)
		}
	}
	return record, raw, nil
}

// Create is for the election.
func (l *leaseLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, record, l.lock.Create)
}

// Update is for the election, which renews, takes over and gives up with it.
func (l *leaseLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if record.HolderIdentity == "" {
		if err := l.mayGiveUp(ctx); err != nil {
			return err
		}
	}
	return l.write(ctx, record, l.lock.Update)
}

// mayGiveUp blocks until nothing runs under the Lease.
func (l *leaseLock) mayGiveUp(ctx context.Context) error {
	l.mu.Lock()
	busy, holder := l.busy, l.holder
	l.mu.Unlock()
	if busy != nil {
		select {
		case <-busy:
		case <-ctx.Done():
			return errStillBusy
		}
	}
	if holder != l.Identity() {
		return errTakenAlready
	}
	return nil
}

func (l *leaseLock) write(ctx context.Context, record resourcelock.LeaderElectionRecord,
	send func(context.Context, resourcelock.LeaderElectionRecord) error,
) error {
	bounded, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	sent := time.Now()
	err := send(bounded, record)
	if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) { // another was faster
		l.outage.note(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("lease %s: %w", l.Describe(), err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = record.HolderIdentity
	if record.HolderIdentity != "" {
		l.sent = sent
	}
	return nil
}

// RecordEvent is for the election. Events would take one more right.
func (l *leaseLock) RecordEvent(string) {}

// Identity is for the election.
func (l *leaseLock) Identity() string { return l.lock.Identity() }

// Describe is for the election.
func (l *leaseLock) Describe() string { return l.lock.Describe() }
