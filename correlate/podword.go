package correlate

import (
	"slices"
	"unique"
)

// keptWords is how many guises that a pod does not have any more are kept. One that
// had more may have been in any before.
const keptWords = 8

// guise is what a pod can be told by, and what can change while it runs. Most labels
// are those of many pods.
type guise struct {
	labels               []unique.Handle[Field]
	controller, workload unique.Handle[Owner]
}

func (g *guise) equal(other *guise) bool {
	return g.controller == other.controller && g.workload == other.workload && slices.Equal(g.labels, other.labels)
}

// word says that a pod was in a guise, and which watchers say so. Each of them knows
// it to be so up to where it knows all pods: it would have told otherwise. Words of
// two watchers may contradict each other while one is behind; then each holds for
// what that watcher knows.
type word struct {
	guise
	by uint64 // bits of the watchers whose last word it is
	// fresh are those of by that have said so only since they lost what they knew, so
	// that this does not tell up to when it is so.
	fresh uint64
	// from is the earliest, and since the latest at which it can have become so.
	from, since int64
	// until is up to when those who have said otherwise since knew it to be so; to is
	// the latest at which it can have ended by what they knew; doubt the same where
	// they did not know all pods when it ended.
	until, to, doubt int64
}

// guiseOf is the guise that a placement tells.
func guiseOf(body *Placement) guise {
	g := guise{make([]unique.Handle[Field], len(body.Labels)), unique.Make(body.Controller), unique.Make(body.Workload)}
	for i, l := range body.Labels {
		g.labels[i] = unique.Make(l)
	}
	return g
}

// say notes that a watcher told the pod in a guise, in which it certainly was at an
// instant.
func (known *pod) say(w *watcher, told guise, logged, certain int64) {
	said := false
	for i := range known.words {
		switch l := &known.words[i]; {
		case l.by&w.bit == 0:
		case l.equal(&told):
			return
		default:
			l.leave(w, logged)
			said = true
		}
	}
	now := word{guise: told, by: w.bit, fresh: w.bit, from: w.since(logged), since: certain}
	if w.whole {
		now.fresh = 0
		if !said {
			now.since = 0 // it is new, and so was not in another
		}
	}
	for i := range known.words {
		if l := &known.words[i]; l.by != 0 && l.equal(&told) {
			l.by |= w.bit
			l.fresh |= now.fresh
			l.from, l.since = min(l.from, now.from), min(l.since, now.since)
			return
		}
	}
	if len(known.words) == 0 {
		now.from = 0 // a static pod runs before the API has it: its times tell since when
	}
	known.words = append(known.words, now)
	known.trim()
}

// leave notes that a watcher says otherwise now.
func (l *word) leave(w *watcher, logged int64) {
	l.unsay(w)
	l.past(w.knowing(), logged)
}

// unsay notes that a watcher does not say so any more. It was so up to where that knows
// all pods.
func (l *word) unsay(w *watcher) {
	if l.fresh&w.bit == 0 {
		l.until = max(l.until, w.to())
	}
	l.by &^= w.bit
	l.fresh &^= w.bit
}

// past notes that the word has ended before an instant, by what a watcher knows or by
// what it says.
func (l *word) past(known bool, ended int64) {
	if known {
		l.to = max(l.to, ended)
	} else {
		l.doubt = max(l.doubt, ended)
	}
}

// trim forgets the oldest of the guises that are too many.
func (known *pod) trim() {
	past := 0
	for i := range known.words {
		if known.words[i].by == 0 {
			past++
		}
	}
	if past <= keptWords {
		return
	}
	i := slices.IndexFunc(known.words, func(l word) bool { return l.by == 0 })
	known.any = max(known.any, known.words[i].over())
	known.words = slices.Delete(known.words, i, i+1)
}

// over is the latest at which a word that nobody says any more can have held.
func (l *word) over() int64 { return max(l.until, l.to, l.doubt) }
