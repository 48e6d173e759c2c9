package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

const namespaces = 10_000

// made is when the synthetic alerts begin.
var made = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// alertAt makes the i-th synthetic alert: namespaces, rules, pods, sensors and
// priorities take turns, and one in 50 comes late.
func alertAt(i int) *correlate.Record {
	event := made.Add(time.Duration(i) * time.Millisecond)
	if i%50 == 49 {
		event = event.Add(-30 * time.Second)
	}
	ns := i % namespaces
	a := &correlate.Alert{
		Hostname: fmt.Sprintf("node-%d", ns%100), Source: "syscall", Rule: fmt.Sprintf("Rule number %d", i%80),
		Priority: correlate.Priorities[i%len(correlate.Priorities)], Time: event,
		OutputFields: correlate.Fields{
			{Name: "k8s.ns.name", Value: fmt.Sprintf("namespace-%d", ns)},
			{Name: "k8s.pod.name", Value: fmt.Sprintf("checkout-59d4c8b6f-%d", ns%3)},
			{Name: "proc.cmdline", Value: fmt.Sprintf("cat /etc/shadow %d", i)},
		},
	}
	return &correlate.Record{
		Position: uint64(i + 1), Logged: made.Add(time.Duration(i) * time.Millisecond), Received: event, Transport: "http", ID: a.ID(), Body: a,
	}
}

// question is the i-th count: one namespace, a third of the time, Warning and
// above.
func question(i, n int) correlate.Query {
	third := time.Duration(n) * time.Millisecond / 3
	start := made.Add(third)
	return correlate.Query{
		Namespace:   fmt.Sprintf("namespace-%d", (i*7919)%namespaces),
		Window:      correlate.Window{Start: start, End: start.Add(third)},
		MinPriority: correlate.Warning,
	}
}

func indexRows(large bool) []comparison {
	rows := []comparison{
		{
			name: "index: insert", ours: "index", other: "SQLite in memory", unit: "alerts/s", goal: "≥ 10",
			rounds: 5, open: each(inserts), met: atLeast(10),
		},
		{
			name: "index: count", ours: "index", other: "SQLite in memory", unit: "counts/s", goal: "≥ 10",
			rounds: 3, open: openCounts, met: atLeast(10),
		},
		sizeRow("1M", 1_000_000),
		{
			name: "index: count, against a scan of JSON lines", ours: "index", other: "scan", unit: "counts/s", goal: "printed",
			rounds: 3, open: openScan,
		},
	}
	if large {
		rows = append(rows, sizeRow("10M", 10_000_000))
	}
	return rows
}

func sizeRow(name string, n int) comparison {
	const goal = 40
	return comparison{
		name: "index: size at " + name, ours: "index", other: "goal", unit: "B/alert", goal: fmt.Sprintf("≤ %d B", goal),
		rounds: 1, met: atMost(goal),
		open: each(func(context.Context) (figures, error) {
			before := heap()
			x, _, err := fill(n)
			if err != nil {
				return figures{}, err
			}
			used := heap() - before
			runtime.KeepAlive(x)
			return figures{ours: float64(used) / float64(n), other: goal, note: fmt.Sprintf("%d namespaces", namespaces)}, nil
		}),
	}
}

// heap is what is alive on it.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// batches makes n alerts, 10,000 at a time, and returns how long f took for all.
func batches(n int, f func([]*correlate.Record) error) (spent time.Duration, err error) {
	batch := make([]*correlate.Record, 0, 10_000)
	for i := 0; i < n; {
		batch = batch[:0]
		for ; i < n && len(batch) < cap(batch); i++ {
			batch = append(batch, alertAt(i))
		}
		begin := time.Now()
		if err := f(batch); err != nil {
			return 0, err
		}
		spent += time.Since(begin)
	}
	return spent, nil
}

// fill makes an index of n alerts, and tells how long the inserts alone took.
func fill(n int) (*correlate.Index, time.Duration, error) {
	x := correlate.NewIndex(correlate.Limits{})
	spent, err := batches(n, func(batch []*correlate.Record) error {
		for _, r := range batch {
			if err := x.Add(r); err != nil {
				return err
			}
		}
		return nil
	})
	return x, spent, err
}

func inserts(ctx context.Context) (figures, error) {
	const n = 200_000
	_, ours, err := fill(n)
	if err != nil {
		return figures{}, err
	}
	db, theirs, err := fillSQLite(ctx, n)
	if err != nil {
		return figures{}, err
	}
	return figures{ours: rate(n, ours), other: rate(n, theirs)}, db.Close()
}
