package correlate

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
)

// maxPods bounds the pods that are kept at a time, past ones included. Beyond it
// those that ended first are forgotten, and with them what is known of the time
// before.
const maxPods = 1 << 18

// placements are all pods that were told of, and how far that is the whole truth.
type placements struct {
	pods       map[podID]*pod
	spaces     map[string]*podSpace // by namespace
	containers map[containerKey]*pod
	watchers   watchers
	forgot     int64 // up to when pods that had ended were forgotten for want of room
	most       int   // pods at a time
	stats      PlacementStats
}

// podSpace has the pods of a namespace.
type podSpace struct {
	name string
	pods []*pod
}

// PlacementStats counts what was told of placements.
type PlacementStats struct {
	Pods     int    // that are kept, past ones included
	Running  int    // of these
	Watchers int    // that have told lately
	Refused  uint64 // records of watchers and pods beyond the most
	Forgot   uint64 // pods that were forgotten for want of room
}

func newPlacements() placements {
	return placements{
		pods: map[podID]*pod{}, spaces: map[string]*podSpace{}, containers: map[containerKey]*pod{},
		watchers: watchers{byName: map[string]*watcher{}}, most: maxPods,
	}
}

// hear returns the watcher that told, or nil when that is to be left alone.
func (p *placements) hear(told Told, logged int64) *watcher {
	w, replaced := p.watchers.of(told.Watcher, logged)
	if replaced != nil {
		p.unsay(replaced, logged, nil)
	}
	switch {
	case w == nil:
		p.stats.Refused++
		return nil
	case !w.hear(told, logged):
		return nil
	}
	return w
}

// placement takes in what was told of a pod, and returns it when it has containers
// that were not known on that node.
func (p *placements) placement(body *Placement, position uint64, logged int64) *pod {
	w := p.hear(body.Told, logged)
	if w == nil {
		return nil
	}
	id := podIDOf(body.UID)
	known := p.pods[id]
	if known == nil {
		if known = p.add(id, body); known == nil {
			return nil
		}
	}
	certain := logged
	if !w.whole {
		if w.list.open && w.told[id] < w.list.asOf.position {
			certain = w.list.logged // the list tells how it was then
		}
		w.told[id] = position
	}
	known.take(w, body, logged, certain)
	moved := p.settle(known, body)
	if !known.onNode() || !p.contain(known, body.Containers) && !moved {
		return nil
	}
	return known
}

// add makes a pod. It returns nil when there is no room: one that has none is not
// known, so nothing is until the next list.
func (p *placements) add(id podID, body *Placement) *pod {
	if len(p.pods) >= p.most && !p.makeRoom() {
		p.stats.Refused++
		for _, w := range p.watchers.byName {
			w.lose()
		}
		return nil
	}
	sp := p.spaces[body.Namespace]
	if sp == nil {
		sp = &podSpace{name: strings.Clone(body.Namespace)}
		p.spaces[sp.name] = sp
	}
	known := &pod{id: id, namespace: sp.name, name: strings.Clone(body.Pod), index: len(sp.pods)}
	p.pods[id], sp.pods = known, append(sp.pods, known)
	return known
}

// watch takes in a watcher's mark. The pods that a whole list does not have are not
// there any more, as far as that watcher knows.
func (p *placements) watch(body *Watch, position uint64, logged int64) {
	w := p.hear(body.Told, logged)
	if w == nil {
		return
	}
	asOf, listed := w.watch(body, position, logged)
	if listed.open {
		if !w.whole {
			p.unsay(w, listed.logged, func(known *pod) bool { return w.told[known.id] >= listed.asOf.position })
		}
		w.knows(listed)
	}
	w.reaches(asOf.logged)
}

// unsay takes back what a watcher said, but for the pods that keep reports: what it
// says of those is told anew.
func (p *placements) unsay(w *watcher, logged int64, keep func(*pod) bool) {
	for _, known := range p.pods {
		for i := range known.words {
			l := &known.words[i]
			switch {
			case l.by&w.bit == 0:
			case keep != nil && keep(known):
				l.fresh &^= w.bit
			default:
				l.unsay(w)
				l.doubt = max(l.doubt, logged)
			}
		}
	}
}

// makeRoom forgets a sixteenth of the pods, those that ended first. It reports false
// where all are running.
func (p *placements) makeRoom() bool {
	var past []*pod
	for _, known := range p.pods {
		if known.over() > 0 {
			past = append(past, known)
		}
	}
	slices.SortFunc(past, func(a, b *pod) int {
		return cmp.Or(cmp.Compare(a.over(), b.over()), slices.Compare(a.id[:], b.id[:]))
	})
	past = past[:min(len(past), max(p.most/16, 1))]
	for _, known := range past {
		p.forgot = max(p.forgot, known.over())
		p.drop(known)
		p.stats.Forgot++
	}
	return len(past) > 0
}

// forget drops the pods that ended before an instant, and what is known of it.
func (p *placements) forget(before int64) {
	for _, w := range p.watchers.byName {
		if w.forget(before) {
			p.unsay(w, w.last, nil)
			p.watchers.drop(w)
		}
	}
	for _, known := range p.pods {
		if over := known.over(); over > 0 && over < before {
			p.drop(known)
			continue
		}
		known.words = slices.DeleteFunc(known.words, func(l word) bool { return l.by == 0 && l.over() < before })
	}
}

// drop forgets a pod.
func (p *placements) drop(known *pod) {
	p.uncontain(known, known.containers)
	delete(p.pods, known.id)
	sp := p.spaces[known.namespace]
	last := len(sp.pods) - 1
	sp.pods[known.index] = sp.pods[last]
	sp.pods[known.index].index = known.index
	sp.pods[last] = nil
	if sp.pods = sp.pods[:last]; last == 0 {
		delete(p.spaces, known.namespace)
	}
}

func podIDOf(uid string) podID {
	sum := sha256.Sum256([]byte(uid))
	return podID(sum[:16])
}
