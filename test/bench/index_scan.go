package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// scanned are an index and JSON lines of the same alerts.
type scanned struct {
	index *correlate.Index
	lines [][]byte
}

func openScan(context.Context) (pair, error) {
	const n = 100_000
	x, _, err := fill(n)
	if err != nil {
		return nil, err
	}
	s := scanned{index: x}
	for i := range n {
		a := alertAt(i).Body.(*correlate.Alert)
		fields := map[string]string{}
		for _, f := range a.OutputFields {
			fields[f.Name] = f.Value
		}
		line, err := json.Marshal(map[string]any{"hostname": a.Hostname, "rule": a.Rule, "priority": a.Priority, "time": a.Time, "output_fields": fields})
		if err != nil {
			return nil, err
		}
		s.lines = append(s.lines, line)
	}
	return s, nil
}

func (scanned) close() error { return nil }

// round answers the same questions from the index and by reading the lines.
func (s scanned) round(context.Context) (figures, error) {
	const asked, repeat = 3, 1000
	ours, theirs := uint64(0), uint64(0)
	begin := time.Now()
	for range repeat {
		ours = 0
		for i := range asked {
			c, err := s.index.Count(question(i, len(s.lines)))
			if err != nil {
				return figures{}, err
			}
			ours += c.Total()
		}
	}
	ourTime := time.Since(begin)
	begin = time.Now()
	for i := range asked {
		n, err := s.scan(question(i, len(s.lines)))
		if err != nil {
			return figures{}, err
		}
		theirs += n
	}
	f := figures{ours: rate(asked*repeat, ourTime), other: rate(asked, time.Since(begin)), note: fmt.Sprintf("%d alerts", len(s.lines))}
	return f, sameCount(ours, theirs)
}

// scan counts by reading each line.
func (s scanned) scan(q correlate.Query) (n uint64, err error) {
	for _, line := range s.lines {
		var a struct {
			Priority correlate.Priority `json:"priority"`
			Time     time.Time          `json:"time"`
			Fields   struct {
				Namespace string `json:"k8s.ns.name"`
			} `json:"output_fields"`
		}
		if err := json.Unmarshal(line, &a); err != nil {
			return 0, err
		}
		if a.Fields.Namespace == q.Namespace && a.Priority.AtLeast(q.MinPriority) && q.Window.Contains(a.Time) {
			n++
		}
	}
	return n, nil
}
