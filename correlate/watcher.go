package correlate

import "slices"

const (
	// keptMarks is how far back the mark that a Watch cites may lie, in marks.
	keptMarks = 8
	// keptSessions is how many earlier sessions of a watcher are known, so that what was
	// told in them and comes again is not taken for a new one.
	keptSessions = 8
	// keptKnown bounds the spans of one watcher, and the lists in one span. Beyond it
	// the oldest is forgotten: less is known then.
	keptKnown = 256
)

// watcher is what one watcher of the Kubernetes API has told.
type watcher struct {
	name    string
	bit     uint64 // its own in word.by
	session uint64
	number  uint64
	before  []uint64    // earlier sessions, the latest
	marks   []watchMark // of the session, the latest
	last    int64       // log time of its last record
	list    watchList
	spans   []knownSpan // in order of time, apart
	whole   bool        // the last of spans goes on
	// told has the pods that it has told of since the last span ended, each with the
	// position of its last word; nil while one goes on.
	told map[podID]uint64
}

// watchMark is a Watch that a later one may cite.
type watchMark struct {
	number, position uint64
	logged           int64
}

// watchList is a list that has begun.
type watchList struct {
	open   bool
	logged int64 // of its beginning
	asOf   watchMark
}

// knownSpan is a stretch of the log's time in which a watcher knows all pods.
type knownSpan struct {
	from, to int64
	lists    []knownList
}

// knownList is a list within a span: who reads the log from the mark that it cites
// on, or from an earlier record, knows all pods from the list's beginning on.
type knownList struct{ asOf, from int64 }

// hear takes note of a record of the watcher. It reports false for one that was
// told before. A number that was left out ends what is known.
func (w *watcher) hear(told Told, logged int64) bool {
	w.last = max(w.last, logged)
	switch {
	case slices.Contains(w.before, told.Session), told.Session == w.session && told.Number <= w.number:
		return false
	case told.Session != w.session:
		if w.before = append(w.before, w.session); len(w.before) > keptSessions {
			w.before = slices.Delete(w.before, 0, 1)
		}
		w.lose()
	case told.Number != w.number+1:
		w.lose()
	}
	w.session, w.number = told.Session, told.Number
	return true
}

// lose notes that something may be missing: until the next list the watcher knows
// nothing more.
func (w *watcher) lose() {
	w.marks, w.list, w.whole, w.told = nil, watchList{}, false, map[podID]uint64{}
}

// cited returns the mark with a number, and whether it is remembered.
func (w *watcher) cited(number uint64) (watchMark, bool) {
	i := slices.IndexFunc(w.marks, func(m watchMark) bool { return m.number == number })
	if number == 0 || i < 0 {
		return watchMark{}, false
	}
	return w.marks[i], true
}

// watch takes in a mark. It returns the mark that this cites, and the list that it
// completes; both are zero where there is none.
func (w *watcher) watch(body *Watch, position uint64, logged int64) (asOf watchMark, listed watchList) {
	asOf, cites := w.cited(body.AsOf)
	if len(w.marks) == keptMarks {
		w.marks = slices.Delete(w.marks, 0, 1)
	}
	w.marks = append(w.marks, watchMark{body.Told.Number, position, logged})
	switch body.Phase {
	case Listing:
		w.list = watchList{open: cites, logged: logged, asOf: asOf}
	case Listed:
		listed, w.list = w.list, watchList{}
	}
	return asOf, listed
}

// knows notes that a list is whole, and so what it begins or goes on with.
func (w *watcher) knows(list watchList) {
	if !w.whole {
		if len(w.spans) == keptKnown {
			w.spans = slices.Delete(w.spans, 0, 1)
		}
		w.spans = append(w.spans, knownSpan{from: list.logged, to: list.logged})
		w.whole, w.told = true, nil
	}
	span := &w.spans[len(w.spans)-1]
	if len(span.lists) == keptKnown {
		span.lists = slices.Delete(span.lists, 0, 1)
	}
	span.lists = append(span.lists, knownList{list.asOf.logged, list.logged})
}

// reaches notes that all is told up to an instant.
func (w *watcher) reaches(to int64) {
	if w.whole {
		span := &w.spans[len(w.spans)-1]
		span.to = max(span.to, to)
	}
}

// to is up to when the watcher has ever known all; 0 when it never did. That a list is
// whole is not enough: it may have been a little old when it began.
func (w *watcher) to() int64 {
	for i := len(w.spans) - 1; i >= 0; i-- {
		if span := &w.spans[i]; span.to > span.from {
			return span.to
		}
	}
	return 0
}

// knowing reports whether the watcher knows all pods now, or will once a list is whole.
func (w *watcher) knowing() bool { return w.whole || w.list.open }

// since is the earliest at which something that is told now can have changed.
func (w *watcher) since(logged int64) int64 {
	switch {
	case w.whole:
		return w.spans[len(w.spans)-1].to // what there was then is told already
	case w.list.open:
		return w.list.logged // what was before that will never be known
	}
	return logged
}

// believed is from when on a span is known to whoever reads the log from an instant
// on, and whether it is known at all.
func (s *knownSpan) believed(floor int64) (from int64, ok bool) {
	for _, list := range s.lists {
		if list.asOf > floor {
			return list.from, list.from < s.to
		}
	}
	return 0, false
}

// forget drops what is known of the time before, and reports whether nothing is
// left and nothing was heard since.
func (w *watcher) forget(before int64) bool {
	for i := range w.spans {
		span := &w.spans[i]
		span.lists = slices.DeleteFunc(span.lists, func(list knownList) bool { return list.asOf < before })
	}
	if w.whole && w.spans[len(w.spans)-1].to < before {
		w.lose()
	}
	w.spans = slices.DeleteFunc(w.spans, func(s knownSpan) bool { return s.to < before })
	return len(w.spans) == 0 && w.last < before
}
