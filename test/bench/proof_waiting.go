package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// waiters is how many questions wait at a time.
const waiters = 10_000

type waiting struct{ *watched }

func openWaiting(ctx context.Context) (pair, error) {
	w, err := openWatched(ctx, 1)
	return waiting{w}, err
}

// round has ten thousand questions wait for the next snapshots. Its allocations
// are those of ten thousand alerts that bear on none of them: a question that is
// looked at again allocates.
func (w waiting) round(ctx context.Context) (f figures, err error) {
	var before, during, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var running sync.WaitGroup
	questions, verdicts := make([]verifier.Question, waiters), make([]*verifier.Verdict, waiters)
	for i := range questions {
		questions[i] = verifier.Question{
			Namespace: fmt.Sprintf("shadow-%d", i%100), Wait: verifier.MaxWait,
			Window: correlate.Window{Start: w.now.Add(-time.Hour), End: w.now},
		}
		running.Go(func() { verdicts[i], _ = w.service.Evaluate(ctx, questions[i]) })
	}
	for w.tail.Waiting() < waiters {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	for range 4 {
		runtime.GC() // halves the stacks of those who wait
	}
	runtime.ReadMemStats(&during)
	f.ours = float64(int64(during.HeapAlloc+during.StackInuse)-int64(before.HeapAlloc+before.StackInuse)) / 1e6
	f.other = 64

	var others []*correlate.Record
	for i := range waiters {
		others = append(others, w.record(&correlate.Alert{
			Hostname: w.names[0], Rule: "Rule number 01", Priority: correlate.Notice, Time: w.now.Add(time.Duration(i)),
			OutputFields: correlate.Fields{{Name: "k8s.ns.name", Value: "shadow-1"}},
		}))
	}
	w.matches[1], w.raised = w.matches[1]+waiters, w.raised+waiters
	w.log.append(others)
	if err := w.tail.WaitFor(ctx, w.position); err != nil {
		return f, err
	}
	if n := w.tail.Waiting(); n != waiters {
		f.allocations = 1
		f.note = fmt.Sprintf("%d were woken for nothing", waiters-n)
	}
	runtime.ReadMemStats(&after)

	begin := time.Now()
	for range 2 {
		w.log.append(w.tick(5 * time.Second))
	}
	running.Wait()
	for _, v := range verdicts {
		if v == nil || v.Verdict != verifier.Inconclusive && v.Verdict != verifier.Pass {
			return f, errors.New("a question that waited was not answered")
		}
	}
	f.note += fmt.Sprintf("all answered %d ms after the snapshots", time.Since(begin).Milliseconds())
	return f, nil
}

// proofLog is an event log in memory: what is measured here is not the log.
type proofLog struct {
	mu      sync.Mutex
	records []*correlate.Record
	changed chan struct{}
}

func newProofLog() *proofLog { return &proofLog{changed: make(chan struct{})} }

func (l *proofLog) append(records []*correlate.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, records...)
	close(l.changed)
	l.changed = make(chan struct{})
}

// Bounds implements verifier.Bounder.
func (l *proofLog) Bounds(context.Context) (correlate.Bounds, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return correlate.Bounds{First: 1, Last: uint64(len(l.records)), FirstTime: made, Created: made}, nil
}

// Tail implements verifier.Source.
func (l *proofLog) Tail(ctx context.Context, from uint64, fn func([]*correlate.Record) error) error {
	for {
		l.mu.Lock()
		batch, changed := l.records[from-1:], l.changed
		l.mu.Unlock()
		if len(batch) > 0 {
			if err := fn(batch); err != nil {
				return err
			}
			from += uint64(len(batch))
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ReadMany implements verifier.Log.
func (l *proofLog) ReadMany(_ context.Context, positions []uint64) ([]*correlate.Record, error) {
	return make([]*correlate.Record, len(positions)), nil
}

// PublishVerdict implements verifier.Log.
func (l *proofLog) PublishVerdict(context.Context, string, string, map[string]string, []byte) (uint64, bool, error) {
	return 0, false, errors.New("nothing is published here")
}

// FindVerdict implements verifier.Log.
func (l *proofLog) FindVerdict(context.Context, string) (map[string]string, []byte, bool, error) {
	return nil, nil, false, nil
}
