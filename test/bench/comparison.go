package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// rowTimeout bounds all rounds of a row.
const rowTimeout = 3 * time.Minute

// comparison is one row: ours against something that is known.
type comparison struct {
	name  string
	ours  string // what is measured
	other string // what it is measured against
	unit  string
	goal  string
	// open prepares what the rounds share.
	open func(context.Context) (pair, error)
	// rounds is how often both are measured; the median ratio counts.
	rounds int
	// met reports whether the figures reach the goal; nil when there is none.
	met func(figures) bool
}

// pair is the two things that are compared.
type pair interface {
	// round measures both once, one after the other.
	round(context.Context) (figures, error)
	// close ends what the rounds shared.
	close() error
}

// figures are what one round found: rates or sizes in the row's unit.
type figures struct {
	ours, other float64
	note        string
	// allocations are ours for each message, less those of the other; only
	// where a goal is about them.
	allocations float64
}

func (f figures) ratio() float64 { return f.ours / f.other }

// alone is a pair whose rounds share nothing.
type alone func(context.Context) (figures, error)

func (a alone) round(ctx context.Context) (figures, error) { return a(ctx) }
func (alone) close() error                                 { return nil }

// each opens a pair whose rounds share nothing.
func each(round alone) func(context.Context) (pair, error) {
	return func(context.Context) (pair, error) { return round, nil }
}

// measure returns the round whose ratio is the median.
func (c comparison) measure(ctx context.Context) (f figures, err error) {
	ctx, cancel := context.WithTimeout(ctx, rowTimeout)
	defer cancel()
	p, err := c.open(ctx)
	if err != nil {
		return figures{}, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	all := make([]figures, max(c.rounds, 1))
	for i := range all {
		runtime.GC() // of what the round before has left
		if all[i], err = p.round(ctx); err != nil {
			return figures{}, err
		}
	}
	slices.SortFunc(all, func(a, b figures) int { return cmp.Compare(a.ratio(), b.ratio()) })
	return all[len(all)/2], nil
}

// rate is how often per second n things happened.
func rate(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

// atLeast is the goal of a ratio.
func atLeast(goal float64) func(figures) bool {
	return func(f figures) bool { return f.ratio() >= goal }
}

// atMost is the goal of a size.
func atMost(goal float64) func(figures) bool {
	return func(f figures) bool { return f.ours <= goal }
}

// figure writes a number with three digits that count.
func figure(v float64, unit string) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.3gM %s", v/1e6, unit)
	case v >= 1e3:
		return fmt.Sprintf("%.3gk %s", v/1e3, unit)
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}

func ratioText(r float64) string {
	if r >= 1000 {
		return strings.TrimSpace(figure(r, ""))
	}
	if r >= 10 {
		return fmt.Sprintf("%.0f", r)
	}
	return fmt.Sprintf("%.2f", r)
}
