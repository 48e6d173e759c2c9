package verifier

import (
	"context"
	"fmt"
	"slices"

	"github.com/falcogate/falcogate/correlate"
)

// Excused are the alerts in scope that do not count in a verdict, and why.
type Excused struct {
	Count uint64 `json:"count"` // in all
	// Ignored are the rules and tags that the question ignores, each with the alerts
	// that it excused. An alert counts for the first of them that names it.
	Ignored []Ignored `json:"ignored,omitzero"`
	// Baseline counts those that the baseline raises too.
	Baseline uint64 `json:"baseline,omitzero"`
	// Alerts are the newest of them, at most as many as the verdict's limit.
	Alerts []Alert `json:"alerts"`
}

// Ignored is what a question ignores, with how many alerts that excused.
type Ignored struct {
	Ignore
	Count uint64 `json:"count"`
}

// told is what is compared of an alert's text, which the index does not hold.
type told struct {
	tags  []string
	shape string
}

// untoldError is what a look at the state returns that needs the texts of alerts first.
type untoldError struct{ positions []uint64 }

// Error names what is missing.
func (e *untoldError) Error() string {
	return fmt.Sprintf("the texts of %d alerts have not been read", len(e.positions))
}

// readTold calls look until the alerts that it holds against excuses were read: the log
// is not read while the state is locked. What the log does not hold any more is told by
// nothing, and so is excused by its rule alone. The error is look's or the log's.
func (s *Service) readTold(ctx context.Context, ask *asked, look func() error) error {
	for {
		err := look()
		untold, ok := err.(*untoldError) //nolint:errorlint // look returns it as it is
		if !ok {
			return err
		}
		bounded, cancel := context.WithTimeout(ctx, hydrationTimeout)
		records, err := s.log.ReadMany(bounded, untold.positions)
		cancel()
		if err != nil {
			return fmt.Errorf("reading the alerts that may be excused: %w", err)
		}
		for i, position := range untold.positions {
			t := told{}
			if i < len(records) && records[i] != nil {
				if a, ok := records[i].Body.(*correlate.Alert); ok {
					t = told{tags: a.Tags, shape: alertShape(a)}
				}
			}
			ask.told[position] = t
		}
	}
}

// excuse finds which of the alerts in scope do not count. The error is an *untoldError
// while that depends on their texts, or the index's.
func (f *findings) excuse(state *correlate.State, ask asked) error {
	base, err := ask.lookAtBaseline(state)
	if err != nil {
		return err
	}
	f.baseline = base
	if f.counts.Total() == 0 || !ask.Excuses.Any() {
		return nil
	}
	entries, _, err := state.Index().List(ask.inScope, correlate.NewestFirst, MaxCompared, correlate.Cursor{})
	if err != nil {
		return err
	}
	if missing := ask.untold(entries, base); len(missing) > 0 {
		return &untoldError{missing}
	}
	shapes := map[string]bool{}
	if base != nil {
		for i := range base.compared {
			shapes[ask.told[base.compared[i].Position].shape] = true
		}
	}
	delete(shapes, "")
	f.ignored = make([]uint64, len(ask.Excuses.Ignore))
	var counting []correlate.Entry
	for _, e := range entries {
		t := ask.told[e.Position]
		by := slices.IndexFunc(ask.Excuses.Ignore, func(i Ignore) bool {
			return i.Rule != "" && i.Rule == e.Rule || i.Tag != "" && slices.Contains(t.tags, i.Tag)
		})
		switch {
		case by >= 0:
			f.ignored[by]++
		case shapes[t.shape]:
			f.alsoBaseline++
		default:
			counting = append(counting, e)
			continue
		}
		f.counts[e.Priority]--
		f.excused = append(f.excused, e)
	}
	f.entries = counting[:min(len(counting), ask.Limit)]
	return nil
}

// untold are the positions of alerts whose texts are needed and were not read.
func (a *asked) untold(entries []correlate.Entry, base *baselineFindings) (missing []uint64) {
	tags := slices.ContainsFunc(a.Excuses.Ignore, func(i Ignore) bool { return i.Tag != "" })
	if !tags && base == nil {
		return nil // the index knows the rules
	}
	add := func(entries []correlate.Entry) {
		for i := range entries {
			if _, ok := a.told[entries[i].Position]; !ok {
				missing = append(missing, entries[i].Position)
			}
		}
	}
	add(entries)
	if base != nil {
		add(base.compared)
	}
	return missing
}

// excusedOf writes down which alerts did not count. It is nil for a question that
// excuses none.
func excusedOf(ask asked, f findings) *Excused {
	if !ask.Excuses.Any() {
		return nil
	}
	x := &Excused{Count: uint64(len(f.excused)), Baseline: f.alsoBaseline}
	for i, ignore := range ask.Excuses.Ignore {
		n := uint64(0)
		if f.ignored != nil {
			n = f.ignored[i]
		}
		x.Ignored = append(x.Ignored, Ignored{ignore, n})
	}
	return x
}

// phrase says how many alerts were excused, for the messages of a verdict; it is empty
// when none was.
func (f *findings) phrase() string {
	n := uint64(len(f.excused))
	switch {
	case n == 0:
		return ""
	case f.alsoBaseline == n:
		return plural(n) + " excused, which the baseline raises too"
	case f.alsoBaseline == 0:
		return plural(n) + " ignored by rule or tag"
	}
	return fmt.Sprintf("%s excused, %d of them raised by the baseline too and the others ignored by rule or tag", plural(n), f.alsoBaseline)
}
