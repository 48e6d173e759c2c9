package correlate

import (
	"slices"
	"sort"
	"time"
)

const (
	// spanGrain is how long spans get by merging. Where a span lies decides which
	// windows it touches, so that those with a flaw must not grow for ever; and
	// clocks are judged span by span.
	spanGrain = int64(10 * time.Minute)
	// maxSpans bounds a timeline. A day of spans without flaws has 144; beyond
	// the bound neighbours become one, which only widens what a flaw touches.
	maxSpans = 512
)

// spanOf is what a timeline holds: a stretch of a sensor's time, and what is
// known of it.
type spanOf[S any] interface {
	// bounds are the ends in nanoseconds, [from, to).
	bounds() (from, to int64)
	// starting is what of the span comes from a time on, without its figures, and
	// ending what comes before.
	starting(from int64) S
	ending(to int64) S
	// like reports whether the next span has the same to say of it.
	like(next S) bool
	// joined is both as one: the flaws of either, the sum of the figures.
	joined(next S) S
	// tainted is the span with more flaws.
	tainted(flaws) S
}

// timeline is a sequence of spans that follow each other without a hole.
type timeline[S spanOf[S]] struct {
	spans []S
}

// end is where the last span ends, or 0.
func (t *timeline[S]) end() int64 {
	if len(t.spans) == 0 {
		return 0
	}
	_, to := t.spans[len(t.spans)-1].bounds()
	return to
}

// begin is where the first span begins, or 0.
func (t *timeline[S]) begin() int64 {
	if len(t.spans) == 0 {
		return 0
	}
	from, _ := t.spans[0].bounds()
	return from
}

// add puts s behind the last span. Of a span that begins before that ends, as
// after a clock was set back, only what reaches beyond is added: its figures are
// those of another time.
func (t *timeline[S]) add(s S) {
	from, to := s.bounds()
	if end := t.end(); len(t.spans) > 0 && from < end {
		if to <= end {
			return
		}
		from, s = end, s.starting(end)
	}
	if n := len(t.spans); n > 0 {
		last := &t.spans[n-1]
		lastFrom, lastTo := (*last).bounds()
		if lastTo == from && lastFrom/spanGrain == (to-1)/spanGrain && (*last).like(s) {
			*last = (*last).joined(s)
			return
		}
	}
	t.spans = append(t.spans, s)
	if len(t.spans) > maxSpans {
		t.coarsen()
	}
}

// coarsen makes one of every two spans of the older half.
func (t *timeline[S]) coarsen() {
	half := maxSpans / 2
	kept := t.spans[:0]
	for i := 0; i < half; i += 2 {
		kept = append(kept, t.spans[i].joined(t.spans[i+1]))
	}
	t.spans = append(kept, t.spans[half:]...)
}

// taint adds flaws to all that reaches behind from.
func (t *timeline[S]) taint(from int64, f flaws) {
	for i := len(t.spans) - 1; i >= 0; i-- {
		begin, to := t.spans[i].bounds()
		switch {
		case to <= from:
			return
		case begin < from && len(t.spans) < maxSpans:
			whole := t.spans[i]
			t.spans[i] = whole.ending(from)
			t.spans = slices.Insert(t.spans, i+1, whole.starting(from).tainted(f))
			return
		}
		t.spans[i] = t.spans[i].tainted(f)
	}
}

// over returns the spans that touch [from, to), and the number of those before.
func (t *timeline[S]) over(from, to int64) (spans []S, before int) {
	first := sort.Search(len(t.spans), func(i int) bool {
		_, end := t.spans[i].bounds()
		return end > from
	})
	last := sort.Search(len(t.spans), func(i int) bool {
		begin, _ := t.spans[i].bounds()
		return begin >= to
	})
	return t.spans[first:max(first, last)], first
}

// forget drops the spans that ended before a time.
func (t *timeline[S]) forget(before int64) {
	n := sort.Search(len(t.spans), func(i int) bool {
		_, to := t.spans[i].bounds()
		return to >= before
	})
	if n > 0 { // mutate: equivalent, it is only faster
		t.spans = append([]S(nil), t.spans[n:]...)
	}
}
