package correlate

import (
	"slices"
	"strings"
)

const (
	// maxWatchers bounds how many are known at a time. A consumer that starts in a
	// new pod has a new name; the old ones are forgotten with the retention.
	maxWatchers = 256
	// keptNumbers is how far back a Watch's AsOf may lie, in records that it could
	// name.
	keptNumbers = 8
	// keptKnown bounds the spans of one watcher. Beyond it the oldest is forgotten:
	// less is known then.
	keptKnown = 256
)

// watcher is what one watcher of the Kubernetes API has told.
type watcher struct {
	session uint64
	number  uint64
	marks   []watchMark // of the session, the latest
	last    int64       // log time of its last record
	list    watchList
	spans   []knownSpan // in order of time, apart
	whole   bool        // the last of spans goes on
}

// watchMark is a Watch that a later one may cite.
type watchMark struct {
	number, position uint64
	logged           int64
}

// watchList is a list that has begun.
type watchList struct {
	open   bool
	logged int64  // of its beginning
	asOf   uint64 // position
}

// knownSpan is a stretch of the log's time in which all placements are known.
type knownSpan struct {
	from, to int64
	// lists are when the lists in it began: who reads the log from a later record
	// on knows the placements from the next of these.
	lists []int64
}

// hear takes note of a record of the watcher. It reports false for one that was
// told before. A number that was left out ends what is known.
func (w *watcher) hear(told Told, logged int64) bool {
	w.last = max(w.last, logged)
	switch {
	case told.Session == w.session && told.Number <= w.number:
		return false
	case told.Session != w.session, told.Number != w.number+1:
		w.marks, w.list, w.whole = w.marks[:0], watchList{}, false
	}
	w.session, w.number = told.Session, told.Number
	return true
}

// cited returns the mark with a number, and whether it is remembered.
func (w *watcher) cited(number uint64) (watchMark, bool) {
	i := slices.IndexFunc(w.marks, func(m watchMark) bool { return m.number == number })
	if number == 0 || i < 0 {
		return watchMark{}, false
	}
	return w.marks[i], true
}

// watch takes in a Watch. When that completes a list it returns the position before
// which a pod that is not on it was last told, else zero.
func (w *watcher) watch(body *Watch, position uint64, logged int64) (listed uint64) {
	asOf, cites := w.cited(body.AsOf)
	if len(w.marks) == keptNumbers {
		w.marks = append(w.marks[:0], w.marks[1:]...)
	}
	w.marks = append(w.marks, watchMark{body.Told.Number, position, logged})
	switch body.Phase {
	case Listing:
		w.list = watchList{open: cites, logged: logged, asOf: asOf.position}
		return 0
	case Listed:
		if !w.list.open {
			return 0
		}
		listed = w.list.asOf
		w.known(w.list.logged)
		w.list = watchList{}
	}
	if cites && w.whole {
		span := &w.spans[len(w.spans)-1]
		span.to = max(span.to, asOf.logged)
	}
	return listed
}

// known notes that a list that began at an instant is whole.
func (w *watcher) known(from int64) {
	if !w.whole {
		if len(w.spans) == keptKnown {
			w.spans = append(w.spans[:0], w.spans[1:]...)
		}
		w.spans = append(w.spans, knownSpan{from: from, to: from})
		w.whole = true
	}
	span := &w.spans[len(w.spans)-1]
	span.lists = append(span.lists, from)
	span.to = max(span.to, from)
}

// forget drops what is known of the time before, and reports whether nothing is
// left and nothing was heard since.
func (w *watcher) forget(before int64) bool {
	for i := range w.spans {
		span := &w.spans[i]
		span.lists = slices.DeleteFunc(span.lists, func(list int64) bool { return list < before })
	}
	w.whole = w.whole && w.spans[len(w.spans)-1].to >= before
	w.spans = slices.DeleteFunc(w.spans, func(s knownSpan) bool { return s.to < before })
	return len(w.spans) == 0 && w.last < before
}

// watcherOf returns the watcher that told, made if need be, or nil when there are
// too many.
func (p *placements) watcherOf(told Told) *watcher {
	w := p.watchers[told.Watcher]
	if w == nil {
		if len(p.watchers) >= maxWatchers {
			p.stats.Refused++
			return nil
		}
		w = &watcher{}
		p.watchers[strings.Clone(told.Watcher)] = w
	}
	return w
}
