package correlate

import (
	"testing"
	"time"
	"unique"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// desk applies to a state what watchers tell, at seconds since the epoch.
type desk struct {
	t        testing.TB
	state    *State
	position uint64
	told     map[string]*Told
	cited    map[string]uint64 // the last mark of each watcher
}

func newDesk(t testing.TB) *desk {
	return &desk{t: t, state: NewState(Limits{}, 0), told: map[string]*Told{}, cited: map[string]uint64{}}
}

func sec(s float64) time.Time { return instant(seconds(s)) }

func (d *desk) apply(at float64, body Body) {
	d.position++
	rec := &Record{Position: d.position, Logged: sec(at), Received: sec(at), Body: body}
	if a, ok := body.(*Alert); ok {
		rec.ID = a.ID()
	}
	require.NoError(d.t, d.state.Apply(rec))
}

func (d *desk) next(watcher string) Told {
	told := d.told[watcher]
	if told == nil {
		told = &Told{Watcher: watcher, Session: 1}
		d.told[watcher] = told
	}
	told.Number++
	return *told
}

// lose leaves out a number, as when a record gets lost.
func (d *desk) lose(watcher string) { d.next(watcher) }

// restart begins another session.
func (d *desk) restart(watcher string) {
	told := d.next(watcher)
	d.told[watcher] = &Told{Watcher: watcher, Session: told.Session + 1}
}

// mark appends a mark and returns its number.
func (d *desk) mark(watcher string, at float64, phase WatchPhase, asOf uint64) uint64 {
	told := d.next(watcher)
	d.apply(at, &Watch{Told: told, Phase: phase, AsOf: asOf})
	d.cited[watcher] = told.Number
	return told.Number
}

// beat is a mark that says that all is told up to the one before.
func (d *desk) beat(watcher string, at float64) { d.mark(watcher, at, Watching, d.cited[watcher]) }

// list tells a whole list, half a second after a mark.
func (d *desk) list(watcher string, at float64, pods ...Placement) {
	asOf := d.mark(watcher, at-0.5, Watching, 0)
	d.mark(watcher, at, Listing, asOf)
	for _, p := range pods {
		d.pod(watcher, at, p)
	}
	d.mark(watcher, at, Listed, asOf)
}

func (d *desk) pod(watcher string, at float64, p Placement) {
	p.Told = d.next(watcher)
	d.apply(at, &p)
}

// onNode is a pod of namespace a that was placed and started at the epoch, changed.
func onNode(name, node string, change ...func(*Placement)) Placement {
	p := Placement{
		UID: "uid-" + name, Namespace: "a", Pod: name, Node: node, Created: epoch, Scheduled: epoch, Started: epoch,
		Labels: Fields{{"app", "web"}}, Controller: Owner{"ReplicaSet", "web-1"}, Workload: Owner{"Deployment", "web"},
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

func gone(p *Placement) { p.Gone = true }

func labelled(pairs ...string) func(*Placement) {
	return func(p *Placement) {
		p.Labels = nil
		for i := 0; i < len(pairs); i += 2 {
			p.Labels = append(p.Labels, Field{pairs[i], pairs[i+1]})
		}
	}
}

// placed asks about namespace a, with no skew unless the window says so.
func (d *desk) placed(from, to float64, change ...func(*PodScope)) Placed {
	scope := PodScope{Namespace: "a"}
	for _, f := range change {
		f(&scope)
	}
	return d.state.Placed(scope, Window{sec(from), sec(to)}, 0)
}

// selecting is a scope of the pods with a label.
func selecting(name, value string) func(*PodScope) {
	return func(s *PodScope) {
		s.Labels = func(l Fields) bool { v, ok := l.Get(name); return ok && v == value }
	}
}

func spans(pairs ...float64) (list []Window) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, Window{sec(pairs[i]), sec(pairs[i+1])})
	}
	return list
}

// within reports whether a string's bytes are those of another one, in the same memory.
func within(whole, part string) bool {
	from, at := uintptr(unsafe.Pointer(unsafe.StringData(whole))), uintptr(unsafe.Pointer(unsafe.StringData(part)))
	return at >= from && at < from+uintptr(len(whole))
}

func uniqueOf(s string) unique.Handle[string] { return unique.Make(s) }
