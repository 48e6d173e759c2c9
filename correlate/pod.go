package correlate

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unique"
)

// keptContainers is how many containers of a pod are known, unless it is told to have
// more at a time: one whose containers crash again and again has a new one each time.
const keptContainers = 64

// pod is one pod. Times are nanoseconds, 0 when not known.
type pod struct {
	id                          podID
	namespace, name             string
	node, hostname              unique.Handle[string]
	words                       []word // in the order in which they were said first
	containers                  []containerID
	created, scheduled, started int64
	ended                       int64 // 0 until it is told to be gone
	any                         int64 // before it the pod may have been in any guise
	index                       int   // in the list of its namespace
}

// podID is a hash of a pod's uid.
type podID [16]byte

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

// take takes over what a watcher told, of how the pod certainly was at an instant. What
// was known of the pod's times is not forgotten, and one that is gone does not come
// back; but a watcher that is behind may still tell how it was before.
func (known *pod) take(w *watcher, body *Placement, logged, certain int64) {
	known.created = earliestOf(known.created, body.Created)
	known.scheduled = earliestOf(known.scheduled, body.Scheduled)
	known.started = earliestOf(known.started, body.Started)
	told := guiseOf(body)
	if !body.Gone {
		known.say(w, told, logged, certain)
		return
	}
	said := known.says(w)
	again := known.ended > 0 && !said
	ended, finished := endOf(body, logged)
	if known.ended == 0 || ended < known.ended {
		known.ended = ended
	}
	if !again {
		known.say(w, told, logged, certain)
		known.end(w, said, body.Linger > 0, ended, finished)
		return
	}
	for i := range known.words {
		if l := &known.words[i]; l.equal(&told) {
			l.from = min(l.from, w.since(logged))
			l.past(w.knowing() || body.Linger > 0, ended)
			return
		}
	}
	known.say(w, told, logged, certain)
	known.end(w, said, body.Linger > 0, ended, 0)
}

// endOf is when a pod that is gone has ended at the latest, and when its containers
// did where that is known.
func endOf(body *Placement, logged int64) (ended, finished int64) {
	ended = max(logged+min(max(int64(body.Linger), 0), maxNanos-logged), 1)
	if !body.Finished.IsZero() {
		finished = max(nanos(body.Finished), 1)
		if body.Linger <= 0 {
			ended = min(ended, finished+int64(time.Second)) // its seconds are rounded down
		}
	}
	return ended, finished
}

// end notes that a watcher says of the pod that it is gone. Said is whether it had said
// that it was there: then it was until what the watcher knows. Containers that linger
// are nothing that a watcher would have to know.
func (known *pod) end(w *watcher, said, lingers bool, ended, finished int64) {
	for i := range known.words {
		l := &known.words[i]
		if l.by&w.bit == 0 {
			continue
		}
		until := l.until
		l.unsay(w)
		if l.past(lingers || w.knowing(), ended); lingers && !w.knowing() {
			l.from = 0 // when it was told to be gone tells nothing of when it was
		}
		if !said {
			l.until = until
		}
		if finished > 0 && w.knowing() {
			l.until = max(l.until, finished)
		}
	}
}

// says reports whether a watcher says that the pod is there.
func (known *pod) says(w *watcher) bool {
	return slices.ContainsFunc(known.words, func(l word) bool { return l.by&w.bit != 0 })
}

// over is when the pod has ended at the latest, or 0 while a watcher says that it is
// there.
func (known *pod) over() (to int64) {
	if known.ended > 0 {
		return known.ended
	}
	for i := range known.words {
		if known.words[i].by != 0 {
			return 0
		}
		to = max(to, known.words[i].over())
	}
	return max(to, 1)
}

// onNode reports whether the pod was ever given a node.
func (known *pod) onNode() bool { return known.hostname != unsetHandle }

// began is from when on the pod may have run: since it was on its node, by the API's
// whole seconds. The kubelet starts a static pod before the API has it.
func (known *pod) began() int64 {
	began := cmp.Or(known.scheduled, known.created, known.started)
	if known.started > 0 {
		began = min(began, known.started)
	}
	return began
}

// earliestOf is the earlier of two instants that are known.
func earliestOf(ns int64, t time.Time) int64 {
	if t.IsZero() || ns > 0 && ns <= nanos(t) {
		return ns
	}
	return max(nanos(t), 1)
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
	for i := 0; i < len(known.containers) && len(known.containers) > max(keptContainers, len(ids)); {
		if id := known.containers[i]; slices.ContainsFunc(ids, func(told string) bool { return strings.HasPrefix(told, string(id[:])) }) {
			i++ // it may still run, however long ago it began
			continue
		}
		p.uncontain(known, known.containers[i:i+1])
		known.containers = slices.Delete(known.containers, i, i+1)
	}
	return fresh
}

// uncontain forgets some of the pod's containers.
func (p *placements) uncontain(known *pod, ids []containerID) {
	for _, id := range ids {
		if key := (containerKey{known.hostname, id}); p.containers[key] == known {
			delete(p.containers, key)
		}
	}
}

// settle notes the pod's node, which it gets once, and its sensor. It reports whether
// that is another than before, and the pod had containers.
func (p *placements) settle(known *pod, body *Placement) (moved bool) {
	if body.Node == "" {
		return false
	}
	hostname := unique.Make(cmp.Or(body.Hostname, body.Node))
	known.node = unique.Make(body.Node)
	if known.hostname == hostname {
		return false
	}
	p.uncontain(known, known.containers)
	known.hostname = hostname
	for _, id := range known.containers {
		p.containers[containerKey{hostname, id}] = known
	}
	return len(known.containers) > 0
}
