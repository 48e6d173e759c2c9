package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

func proofRows() []comparison {
	return []comparison{
		{
			name: "proof: an alert", ours: "index and ledger", other: "index alone", unit: "ns", goal: "≤ 200 ns more, 0 allocations",
			rounds: 5, open: each(ledgerCost),
			met: func(f figures) bool { return f.ours-f.other <= 200 && f.allocations < 0.01 },
		},
		{
			name: "proof: a verdict over an hour", ours: "1,000 sensors", other: "counting its alerts alone", unit: "µs", goal: "≤ 1,000 µs",
			rounds: 3, open: openVerdicts, met: atMost(1000),
		},
		{
			name: "proof: a day of a snapshot each second, 1,000 sensors", ours: "ledgers", other: "goal", unit: "MB", goal: "≤ 100 MB",
			rounds: 1, open: each(dayOfSnapshots), met: atMost(100),
		},
		{
			name: "proof: 10,000 questions that wait", ours: "in the process", other: "goal", unit: "MB", goal: "≤ 64 MB, no polling",
			rounds: 3, open: openWaiting, met: func(f figures) bool { return f.ours <= 64 && f.allocations == 0 },
		},
	}
}

// ledgerCost adds the same alerts to an index, and to a state that has sensors
// and ledgers too.
func ledgerCost(context.Context) (figures, error) {
	const n = 400_000
	warm := func(s *correlate.State) error {
		for i := range 10_000 {
			if err := s.Apply(alertAt(i)); err != nil {
				return err
			}
		}
		return nil
	}
	with, sensors := correlate.NewState(correlate.Limits{}, 0), correlate.NewSensors(0)
	alone := correlate.NewIndex(correlate.Limits{})
	if err := warm(with); err != nil {
		return figures{}, err
	}
	var f figures
	var ledgers time.Duration
	var before, after runtime.MemStats
	// The same batch in turns, so that both find it equally warm.
	_, err := batches(n, func(batch []*correlate.Record) error {
		begin := time.Now()
		for _, r := range batch {
			if err := alone.Add(r); err != nil {
				return err
			}
		}
		f.other += float64(time.Since(begin))
		if batch[0].Position > 10_000 {
			begin = time.Now()
			for _, r := range batch {
				if err := with.Apply(r); err != nil {
					return err
				}
			}
			f.ours += float64(time.Since(begin))
		} else {
			f.other = 0
		}
		runtime.ReadMemStats(&before)
		begin = time.Now()
		for _, r := range batch {
			sensors.Apply(r)
		}
		ledgers += time.Since(begin)
		runtime.ReadMemStats(&after)
		if batch[0].Position > 10_000 {
			f.allocations += float64(after.Mallocs - before.Mallocs)
		}
		return nil
	})
	f.ours, f.other, f.allocations = f.ours/(n-10_000), f.other/(n-10_000), f.allocations/n
	f.note = fmt.Sprintf("ledger and registry by themselves %.0f ns, %.2f allocations", float64(ledgers)/n, f.allocations)
	return f, err
}

// beating is a number of sensors that send snapshots, as records.
type beating struct {
	position uint64
	now      time.Time
	events   uint64
	raised   uint64 // alerts, by every sensor
	names    []string
	matches  []uint64
	rules    []string
}

const stockRules = 87 // of Falco's three files

func newBeating(sensors int) *beating {
	b := &beating{now: made, matches: make([]uint64, stockRules)}
	for i := range sensors {
		b.names = append(b.names, fmt.Sprintf("node-%04d", i))
	}
	for i := range stockRules {
		b.rules = append(b.rules, fmt.Sprintf("Rule_number_%02d", i))
	}
	return b
}

func (b *beating) record(body correlate.Body) *correlate.Record {
	b.position++
	return &correlate.Record{Position: b.position, Logged: b.now.Add(5 * time.Millisecond), Received: b.now, Transport: "http", Body: body}
}

// loaded are the rulesets of all.
func (b *beating) loaded() (records []*correlate.Record) {
	for _, name := range b.names {
		records = append(records, b.record(&correlate.Ruleset{Hostname: name, ID: correlate.RulesetID{1}, Rules: b.rules}))
	}
	return records
}

// tick is a snapshot of each, an interval later.
func (b *beating) tick(interval time.Duration) (records []*correlate.Record) {
	b.now = b.now.Add(interval)
	b.events += 10_000
	counter := func(n uint64) correlate.Counter { return correlate.Counter{N: n, Reported: true} }
	for _, name := range b.names {
		records = append(records, b.record(&correlate.Snapshot{
			Hostname: name, Time: b.now, EventSource: "syscall", Run: correlate.Run{StartTS: 1, ReloadTS: 1},
			Ruleset: correlate.RulesetID{1}, RuleMatches: b.matches, MatchesTotal: counter(b.raised), QueueDrops: counter(0),
			EventsProcessed: counter(b.events), KernelEvents: counter(b.events), KernelDrops: counter(0),
		}))
	}
	return records
}

// dayOfSnapshots measures a tenth of the sensors, since each has a ledger of its
// own.
func dayOfSnapshots(context.Context) (figures, error) {
	const sensors, scale = 100, 10
	before := heap()
	state, b := correlate.NewState(correlate.Limits{Retention: 24 * time.Hour}, 0), newBeating(sensors)
	apply := func(records []*correlate.Record) error {
		for _, r := range records {
			if err := state.Apply(r); err != nil {
				return err
			}
		}
		return nil
	}
	if err := apply(b.loaded()); err != nil {
		return figures{}, err
	}
	begin := time.Now()
	for range 24 * 60 * 60 {
		if err := apply(b.tick(time.Second)); err != nil {
			return figures{}, err
		}
	}
	took := time.Since(begin)
	used := heap() - before
	runtime.KeepAlive(state)
	return figures{
		ours: float64(used) * scale / 1e6, other: 100,
		note: fmt.Sprintf("measured with %d; %.1f µs a snapshot", sensors, took.Seconds()*1e6/(24*60*60*sensors)),
	}, nil
}

// watched is a service over sensors that send a snapshot every five seconds.
type watched struct {
	*beating
	log     *proofLog
	tail    *verifier.Tail
	service *verifier.Service
	stop    func() error
}

// openWatched runs a service that has heard two hours of all sensors.
func openWatched(ctx context.Context, sensors int) (*watched, error) {
	w := &watched{beating: newBeating(sensors), log: newProofLog()}
	// Questions are checked against the clock; it may be ahead of what is heard.
	clock := func() time.Time { return made.Add(24 * time.Hour) }
	w.tail = verifier.NewTail(verifier.TailOptions{Log: w.log, Now: clock})
	w.service = verifier.NewService(verifier.ServiceOptions{Log: w.log, Tail: w.tail, Now: clock, Policy: verifier.DefaultPolicy()})
	w.log.append(w.loaded())
	for range 2 * 60 * 60 / 5 {
		w.log.append(w.tick(5 * time.Second))
	}
	running, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = w.tail.Run(running) })
	w.stop = func() error {
		cancel()
		wg.Wait()
		return err
	}
	return w, w.tail.WaitFor(ctx, w.position)
}

func (w *watched) close() error { return w.stop() }

// question asks about an hour that is proven.
func (w *watched) question() verifier.Question {
	return verifier.Question{Namespace: "shadow-1", Window: correlate.Window{Start: w.now.Add(-90 * time.Minute), End: w.now.Add(-30 * time.Minute)}}
}

type verdicts struct{ *watched }

func openVerdicts(ctx context.Context) (pair, error) {
	w, err := openWatched(ctx, 1000)
	return verdicts{w}, err
}

func (v verdicts) round(ctx context.Context) (f figures, err error) {
	const n = 500
	q := v.question()
	begin := time.Now()
	for range n {
		answer, err := v.service.Evaluate(ctx, q)
		if err != nil {
			return f, err
		}
		if answer.Verdict != verifier.Pass {
			return f, fmt.Errorf("want a pass, have %s: %s", answer.Verdict, answer.Message)
		}
	}
	f.ours = float64(time.Since(begin).Microseconds()) / n
	count := correlate.Query{Namespace: q.Namespace, Window: q.Window, MinPriority: correlate.Warning}
	begin = time.Now()
	for range n * 100 {
		v.tail.View(func(s *correlate.State, _ uint64) { _, err = s.Index().Count(count) })
	}
	f.other = float64(time.Since(begin).Nanoseconds()) / 1000 / (n * 100)
	return f, err
}
