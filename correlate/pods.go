package correlate

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
	"unique"
)

// maxPods bounds the pods that are kept at a time, past ones included. Beyond it
// those that ended first are forgotten, and with them what is known of the time
// before.
const maxPods = 1 << 18

// keptLabels is how many sets of labels a pod may have had. One that had more
// matches every selector.
const keptLabels = 8

// placements are all pods that were told of, and how far that is the whole truth.
type placements struct {
	pods       map[podID]*pod
	spaces     map[string]map[podID]*pod // by namespace
	containers map[containerKey]*pod
	watchers   map[string]*watcher
	floor      int64 // log time before which pods were forgotten for want of room
	stats      PlacementStats
}

// PlacementStats counts what was told of placements.
type PlacementStats struct {
	Pods    int    // that are kept, past ones included
	Running int    // of these
	Refused uint64 // records of watchers beyond the most
	Forgot  uint64 // pods that were forgotten for want of room
}

// podID is a hash of a pod's uid.
type podID [16]byte

// pod is one pod. Times are nanoseconds, 0 when not known.
type pod struct {
	id                          podID
	namespace, name             string
	node, hostname              unique.Handle[string]
	controller, workload        unique.Handle[Owner]
	labels                      []podLabels // in order of time
	containers                  []containerID
	told                        uint64 // position of the last record that told of it
	created, scheduled, started int64
	ended                       int64 // 0 while it runs
	missing                     bool  // it ended because a list did not have it
	everyLabel                  bool  // it had too many sets of labels
}

// podLabels are labels that a pod had from an instant of the log on.
type podLabels struct {
	from int64
	set  unique.Handle[string]
}

// containerID is the part of a container's id that Falco tells: its first 12
// characters.
type containerID [12]byte

// containerKey is a container on the node of a sensor.
type containerKey struct {
	hostname unique.Handle[string]
	id       containerID
}

// unsetHandle is what a pod has that was never told of a node.
var unsetHandle unique.Handle[string]

// shortID cuts an id. It reports false when it is too short, as "host" is.
func shortID(id string) (short containerID, ok bool) {
	return short, copy(short[:], id) == len(short)
}

func newPlacements() placements {
	return placements{pods: map[podID]*pod{}, spaces: map[string]map[podID]*pod{}, containers: map[containerKey]*pod{}, watchers: map[string]*watcher{}}
}

// placement takes in what was told of a pod, and returns it when it has containers
// that were not known.
func (p *placements) placement(body *Placement, position uint64, logged int64) *pod {
	w := p.watcherOf(body.Told)
	if w == nil || !w.hear(body.Told, logged) {
		return nil
	}
	id := podIDOf(body.UID)
	known := p.pods[id]
	if known == nil {
		if len(p.pods) >= maxPods && !p.makeRoom() {
			p.stats.Refused++
			return nil
		}
		known = &pod{id: id, namespace: strings.Clone(body.Namespace), name: strings.Clone(body.Pod)}
		if p.spaces[known.namespace] == nil {
			p.spaces[known.namespace] = map[podID]*pod{}
		}
		p.pods[id], p.spaces[known.namespace][id] = known, known
		known.labels = []podLabels{{0, labelSet(body.Labels)}}
	}
	known.told = max(known.told, position)
	known.take(body, logged)
	p.settle(known, body)
	if !known.onNode() || !p.contain(known, body.Containers) {
		return nil
	}
	return known
}

// settle notes the pod's node, which it gets once, and its sensor.
func (p *placements) settle(known *pod, body *Placement) {
	if body.Node == "" {
		return
	}
	hostname := unique.Make(cmp.Or(body.Hostname, body.Node))
	known.node = unique.Make(body.Node)
	if known.hostname == hostname {
		return
	}
	p.uncontain(known)
	ids := known.containers
	known.hostname, known.containers = hostname, nil
	for _, id := range ids {
		p.contain(known, []string{string(id[:])})
	}
}

// take takes over what was told. What was known of its times is not forgotten.
func (known *pod) take(body *Placement, logged int64) {
	known.controller, known.workload = unique.Make(body.Controller), unique.Make(body.Workload)
	known.created = earliestOf(known.created, body.Created)
	known.scheduled = earliestOf(known.scheduled, body.Scheduled)
	known.started = earliestOf(known.started, body.Started)
	if set := labelSet(body.Labels); known.labels[len(known.labels)-1].set != set {
		known.labels = append(known.labels, podLabels{logged, set})
		if len(known.labels) > keptLabels {
			known.labels, known.everyLabel = known.labels[1:], true
		}
	}
	switch {
	case !body.Gone && known.missing:
		known.ended, known.missing = 0, false // the list was the older one
	case body.Gone && (known.ended == 0 || known.missing):
		known.missing = false
		known.ended = logged + max(int64(body.Linger), 0)
		if finished := nanos(body.Finished) + int64(time.Second); !body.Finished.IsZero() && body.Linger <= 0 {
			known.ended = min(known.ended, finished) // its seconds are rounded down
		}
	}
}

// contain notes the pod's containers, and reports whether one of them is new.
func (p *placements) contain(known *pod, ids []string) (fresh bool) {
	for _, id := range ids {
		short, ok := shortID(id)
		if !ok || slices.Contains(known.containers, short) {
			continue
		}
		known.containers = append(known.containers, short)
		p.containers[containerKey{known.hostname, short}] = known
		fresh = true
	}
	return fresh
}

func (p *placements) uncontain(known *pod) {
	for _, id := range known.containers {
		if key := (containerKey{known.hostname, id}); p.containers[key] == known {
			delete(p.containers, key)
		}
	}
}

// watch takes in a watcher's word. The pods that a whole list does not have are
// gone.
func (p *placements) watch(body *Watch, position uint64, logged int64) {
	w := p.watcherOf(body.Told)
	if w == nil || !w.hear(body.Told, logged) {
		return
	}
	if before := w.watch(body, position, logged); before > 0 {
		for _, known := range p.pods {
			if known.ended == 0 && known.told < before {
				known.ended, known.missing = logged, true
			}
		}
	}
}

// makeRoom forgets a sixteenth of the pods, those that ended first. Where all are
// running it reports false: one that has no room is not known, so nothing is until
// the next list.
func (p *placements) makeRoom() bool {
	var past []*pod
	for _, known := range p.pods {
		if known.ended > 0 {
			past = append(past, known)
		}
	}
	slices.SortFunc(past, func(a, b *pod) int {
		return cmp.Or(cmp.Compare(a.ended, b.ended), slices.Compare(a.id[:], b.id[:]))
	})
	for _, known := range past[:min(len(past), maxPods/16)] {
		p.floor = max(p.floor, known.ended)
		p.drop(known)
		p.stats.Forgot++
	}
	if len(past) == 0 {
		for _, w := range p.watchers {
			w.list, w.whole = watchList{}, false
		}
	}
	return len(past) > 0
}

// forget drops the pods that ended before an instant, and what is known of it.
func (p *placements) forget(before int64) {
	for _, known := range p.pods {
		if known.ended > 0 && known.ended < before {
			p.drop(known)
		}
	}
	for name, w := range p.watchers {
		if w.forget(before) {
			delete(p.watchers, name)
		}
	}
}

func (p *placements) drop(known *pod) {
	p.uncontain(known)
	delete(p.pods, known.id)
	delete(p.spaces[known.namespace], known.id)
	if len(p.spaces[known.namespace]) == 0 {
		delete(p.spaces, known.namespace)
	}
}

func podIDOf(uid string) podID {
	sum := sha256.Sum256([]byte(uid))
	return podID(sum[:16])
}

// labelSet writes labels as one string: names and values, each ended by a zero byte.
func labelSet(labels Fields) unique.Handle[string] {
	var b strings.Builder
	for _, l := range labels {
		b.WriteString(l.Name + "\x00" + l.Value + "\x00")
	}
	return unique.Make(b.String())
}

// labelsOf reads what labelSet writes.
func labelsOf(set unique.Handle[string]) Fields {
	parts := strings.Split(set.Value(), "\x00")
	labels := make(Fields, 0, len(parts)/2)
	for i := 0; i+1 < len(parts); i += 2 {
		labels = append(labels, Field{parts[i], parts[i+1]})
	}
	return labels
}

// earliestOf is the earlier of two instants that are known.
func earliestOf(ns int64, t time.Time) int64 {
	if t.IsZero() || ns > 0 && ns <= nanos(t) {
		return ns
	}
	return max(nanos(t), 1)
}
