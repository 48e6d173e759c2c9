package correlate

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"time"
)

const (
	// maxWatchers bounds how many are known at a time: one bit of word.by each. A
	// consumer that starts in a new pod has a new name, and takes the place of the one
	// that was not heard for longest.
	maxWatchers = 64
	// watchAlive is how long after its last word a watcher is taken to go on.
	watchAlive = int64(time.Minute)
)

// watchers are all that have told of placements lately.
type watchers struct {
	byName map[string]*watcher
	slots  [maxWatchers]*watcher // by their bits
}

// of returns the watcher of that name, made if need be; nil when there are too many.
// Replaced is one that made room.
func (all *watchers) of(name string, logged int64) (w, replaced *watcher) {
	if w = all.byName[name]; w != nil {
		return w, nil
	}
	slot := slices.Index(all.slots[:], nil)
	if slot < 0 {
		replaced = slices.MinFunc(all.slots[:], func(a, b *watcher) int {
			return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.bit, b.bit))
		})
		if logged-replaced.last <= watchAlive {
			return nil, nil
		}
		slot = bits.TrailingZeros64(replaced.bit)
		delete(all.byName, replaced.name)
	}
	w = &watcher{name: strings.Clone(name), bit: 1 << slot}
	w.lose()
	all.byName[w.name], all.slots[slot] = w, w
	return w, replaced
}

// alive reports whether one of them was heard of lately.
func (all *watchers) alive(logged int64) bool {
	for _, w := range all.byName {
		if logged-w.last <= watchAlive {
			return true
		}
	}
	return false
}

// drop forgets a watcher.
func (all *watchers) drop(w *watcher) {
	delete(all.byName, w.name)
	all.slots[bits.TrailingZeros64(w.bit)] = nil
}

// reach is up to when the watchers with these bits know all pods, by what was logged
// above a floor; 0 when none of them does.
func (all *watchers) reach(by uint64, floor int64) (to int64) {
	for ; by != 0; by &= by - 1 {
		w := all.slots[bits.TrailingZeros64(by)]
		for i := len(w.spans) - 1; i >= 0 && w.spans[i].to > to; i-- {
			if _, ok := w.spans[i].believed(floor); ok {
				to = w.spans[i].to
			}
		}
	}
	return to
}

// known are the spans in which some watcher knows all pods, in order of time. A
// watcher knows from the first of its lists on that lies above the floor with the
// mark that it cites: who reads the log from there knows no more.
func (p *placements) known(floor int64) []knownSpan {
	var all []knownSpan
	for _, w := range p.watchers.byName {
		for i := range w.spans {
			if from, ok := w.spans[i].believed(floor); ok {
				all = append(all, knownSpan{from: max(from, p.forgot), to: w.spans[i].to})
			}
		}
	}
	all = slices.DeleteFunc(all, func(s knownSpan) bool { return s.from >= s.to })
	slices.SortFunc(all, func(a, b knownSpan) int { return cmp.Compare(a.from, b.from) })
	return all
}

// unknown finds the parts of [from, to) that no span covers.
func unknown(spans []knownSpan, from, to int64) (gaps []knownSpan) {
	for _, span := range spans {
		if span.from > from && from < to {
			gaps = append(gaps, knownSpan{from: from, to: min(span.from, to)})
		}
		from = max(from, span.to)
	}
	if from < to {
		gaps = append(gaps, knownSpan{from: from, to: to})
	}
	return gaps
}

// open reports whether a watch goes on that will know all pods from an instant on.
func (p *placements) open(from, floor, logged int64) bool {
	if from < p.forgot {
		return false
	}
	for _, w := range p.watchers.byName {
		if logged-w.last > watchAlive {
			continue
		}
		if w.list.open && w.list.asOf.logged > floor && w.list.logged <= from {
			return true
		}
		if w.whole && slices.ContainsFunc(w.spans[len(w.spans)-1].lists, func(list knownList) bool {
			return list.asOf > floor && list.from <= from
		}) {
			return true
		}
	}
	return false
}
