package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/falcogate/falcogate/verifier"
)

// gateRows are the goals of gates.
func gateRows() []comparison {
	return []comparison{
		{
			name: "gate: an alert to the fail verdict in a subscriber's hands, p99", ours: "10,000 open gates, 1,000 alerts/s", other: "bare publish-subscribe", unit: "µs",
			goal: "≤ 5,000 µs", rounds: 3, open: openGateWay, met: atMost(5000),
		},
		{
			name: "gate: opening one, p99", ours: "POST /v1/gates", other: "bare JetStream publish", unit: "µs",
			goal: "≤ 2,000 µs", rounds: 3, open: openGateOpening, met: atMost(2000),
		},
		{
			name: "gate: 100,000 open ones", ours: "in the process", other: "goal", unit: "MB",
			goal: "≤ 200 MB", rounds: 1, open: each(gateMemory), met: atMost(200),
		},
	}
}

// percentile is that of durations, in µs.
func percentile(all []time.Duration, p float64) float64 {
	slices.Sort(all)
	return float64(all[min(len(all)-1, int(float64(len(all))*p))].Nanoseconds()) / 1e3
}

// spread says what else there is of durations beside the 99th percentile.
func spread(all []time.Duration) string {
	return fmt.Sprintf("p50 %.0f µs, p99.9 %.0f µs of %d", percentile(all, 0.5), percentile(all, 0.999), len(all))
}

// manyGates is how many are in the process at once.
const manyGates = 100_000

// gateMemory counts what open gates take in the process: they wait for proof and for
// alerts, each in one of a thousand namespaces. What the store takes on disk is not it.
func gateMemory(ctx context.Context) (f figures, err error) {
	w, err := openWatched(ctx, 1)
	if err != nil {
		return f, err
	}
	defer func() { err = joined(err, w.close()) }()
	gates := verifier.NewGates(verifier.GatesOptions{Service: w.service, Store: &noStore{}})
	running := start(gates.Run)
	defer func() { err = joined(err, running.stop()) }()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range manyGates {
		spec := verifier.GateSpec{ID: fmt.Sprint("gate-", i), Namespace: fmt.Sprint("shadow-", i%1000), Start: w.now.Add(-time.Minute), Labels: map[string]string{"run": fmt.Sprint(i)}}
		for {
			if _, _, err = gates.Open(ctx, spec); err != verifier.ErrGatesNotReady { //nolint:errorlint // as it is
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err != nil {
			return f, err
		}
	}
	begin := time.Now()
	for w.tail.Waiting() < manyGates {
		if err := ctx.Err(); err != nil {
			return f, fmt.Errorf("%d of %d gates wait: %w", w.tail.Waiting(), manyGates, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&after)
	f.ours = float64(int64(after.HeapAlloc+after.StackInuse)-int64(before.HeapAlloc+before.StackInuse)) / 1e6
	f.other = 200
	f.note = fmt.Sprintf("all wait %s after the last was opened", time.Since(begin).Round(time.Millisecond))
	runtime.KeepAlive(gates)
	return f, nil
}

// noStore keeps nothing: the memory that is measured is not a store's.
type noStore struct{ revision uint64 }

// Put implements verifier.GateStore. It is called by one goroutine.
func (s *noStore) Put(context.Context, string, []byte, uint64) (uint64, error) {
	s.revision++
	return s.revision, nil
}

// Get implements verifier.GateStore.
func (*noStore) Get(context.Context, string) ([]byte, uint64, error) { return nil, 0, nil }

// Remove implements verifier.GateStore.
func (*noStore) Remove(context.Context, string, uint64) error { return nil }

// Watch implements verifier.GateStore.
func (*noStore) Watch(ctx context.Context, fn func([]verifier.GateChange, bool) error) error {
	if err := fn(nil, true); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
