package verifier

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/falcogate/falcogate/correlate"
)

// simPod is one pod of a history, as it truly is. Its node is that of a sensor.
type simPod struct {
	space, sensor uint8
	name          uint8
	from          int64 // placed on its node
	started       int64 // its container runs
	reported      int64 // and the API has that, with the container's id
	to            int64 // it has ended
	gone          int64 // and the API has that
}

// simWatcher is one watcher of the Kubernetes API.
type simWatcher struct {
	told    correlate.Told
	seen    int       // of the changes of the API's data: those before it are told
	marks   []simMark // of the session, the latest
	listed  int64     // when it told its last list; 0: none in this session
	away    int64     // until then it hears and tells nothing
	lag     int64     // behind the API
	losing  int64     // until then a share of what it tells gets lost
	share   uint8
	restart bool // it begins anew with its next tick
}

type simMark struct {
	number uint64
	logged int64
}

// simChange is a change of the API's data: a pod is placed, reported or gone.
type simChange struct {
	at    int64
	pod   int
	stage uint8
}

const (
	simPlaced uint8 = iota
	simReported
	simGone
)

// simCluster is the Kubernetes cluster of a history.
type simCluster struct {
	changes  []simChange
	watchers []simWatcher
	fields   [][2]correlate.Fields // of the pods' alerts: with and without a namespace
}

// begin makes the cluster of a history.
func (c *simCluster) begin(h *simHistory) {
	c.changes, c.fields = c.changes[:0], c.fields[:0]
	for i := range h.pods {
		p := &h.pods[i]
		for stage, at := range []int64{p.from, p.reported, p.gone} {
			if at < math.MaxInt64 {
				c.changes = append(c.changes, simChange{at, i, uint8(stage)})
			}
		}
		id := correlate.Field{Name: "container.id", Value: simContainer(i)}
		c.fields = append(c.fields, [2]correlate.Fields{
			{id, {Name: "k8s.ns.name", Value: simSpaces[p.space]}, {Name: "k8s.pod.name", Value: simPodName(p)}}, {id},
		})
	}
	slices.SortFunc(c.changes, func(a, b simChange) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.stage, b.stage), cmp.Compare(a.pod, b.pod))
	})
	c.watchers = c.watchers[:0]
	for i := range h.watchers {
		c.watchers = append(c.watchers, simWatcher{told: correlate.Told{Watcher: fmt.Sprint("w", i)}, restart: true})
	}
}

func simContainer(pod int) string { return fmt.Sprintf("%012x", 0xc0ffee000+pod) }
func simPodName(p *simPod) string { return fmt.Sprint("web-", p.name) }

// podAt is the pod of a space that was on a sensor's node at a time, or -1.
func (s *simulation) podAt(space, sensor uint8, at int64) int {
	return slices.IndexFunc(s.h.pods, func(p simPod) bool {
		return p.space == space && p.sensor == sensor && p.from <= at && at < p.to
	})
}

// placement is what the API says of a pod after a change.
func (s *simulation) placement(c simChange, told correlate.Told) *correlate.Placement {
	p := &s.h.pods[c.pod]
	body := &correlate.Placement{
		Told: told, UID: fmt.Sprint("uid-", c.pod), Namespace: simSpaces[p.space], Pod: simPodName(p), Node: simHosts[p.sensor],
		Created: simSecondOf(p.from), Scheduled: simSecondOf(p.from),
	}
	if c.stage >= simReported && p.reported <= c.at {
		body.Started = simSecondOf(p.started)
		body.Containers = []string{simContainer(c.pod) + "0123456789"}
	}
	if c.stage == simGone {
		body.Gone, body.Finished = true, simSecondOf(p.to)
	}
	return body
}

// watch lets a watcher do what it does every few seconds.
func (s *simulation) watch(op *simOp) {
	w := &s.cluster.watchers[int(op.sensor)%len(s.cluster.watchers)]
	switch {
	case op.at < w.away:
		return
	case w.away > 0 || w.restart || op.n > 0:
		// What changed meanwhile is not known: it begins anew, and lists with the next
		// tick.
		*w = simWatcher{told: correlate.Told{Watcher: w.told.Watcher, Session: w.told.Session + 1}, lag: w.lag, losing: w.losing, share: w.share}
		s.mark(w, op, correlate.Watching, 0)
		return
	case w.listed == 0:
		w.seen, _ = slices.BinarySearchFunc(s.cluster.changes, op.at, func(c simChange, at int64) int { return cmp.Or(cmp.Compare(c.at, at), -1) })
		s.list(w, op)
		return
	}
	for w.seen < len(s.cluster.changes) && s.cluster.changes[w.seen].at <= op.at-w.lag {
		w.told.Number++
		s.tellOf(w, op, s.placement(s.cluster.changes[w.seen], w.told))
		w.seen++
	}
	if op.at-w.listed > s.h.relist {
		s.list(w, op)
	}
	s.mark(w, op, correlate.Watching, s.citable(w))
}

// strike lets something go wrong with a watcher, or right again.
func (c *simCluster) strike(op *simOp) {
	w := &c.watchers[int(op.sensor)%len(c.watchers)]
	switch op.what {
	case simWatchAway:
		w.away = op.at + op.span
	case simWatchLag:
		w.lag = simIf(op.n == 0, op.span, 0)
	case simWatchLoss:
		w.losing, w.share = op.at+op.span, op.share
	}
}

// list tells all pods that there are.
func (s *simulation) list(w *simWatcher, op *simOp) {
	asOf := s.citable(w)
	if asOf == 0 {
		return // its mark was stored after all that it has seen
	}
	s.mark(w, op, correlate.Listing, asOf)
	latest := map[int]simChange{}
	for _, c := range s.cluster.changes[:w.seen] {
		latest[c.pod] = c
	}
	for i := range s.h.pods {
		if c, ok := latest[i]; ok && c.stage != simGone {
			w.told.Number++
			s.tellOf(w, op, s.placement(c, w.told))
		}
	}
	s.mark(w, op, correlate.Listed, asOf)
	w.listed = op.at
}

// citable is the newest of the watcher's marks up to which it has told all.
func (s *simulation) citable(w *simWatcher) (number uint64) {
	next := int64(math.MaxInt64)
	if w.seen < len(s.cluster.changes) {
		next = s.cluster.changes[w.seen].at
	}
	for _, m := range w.marks {
		if m.logged < next && m.logged <= s.now {
			number = m.number
		}
	}
	return number
}

func (s *simulation) mark(w *simWatcher, op *simOp, phase correlate.WatchPhase, asOf uint64) {
	w.told.Number++
	s.tellOf(w, op, &correlate.Watch{Told: w.told, Phase: phase, AsOf: asOf})
	if len(w.marks) == 6 {
		w.marks = slices.Delete(w.marks, 0, 1)
	}
	w.marks = append(w.marks, simMark{w.told.Number, s.log.logged})
}

// tellOf stores what a watcher tells, unless it gets lost.
func (s *simulation) tellOf(w *simWatcher, op *simOp, body correlate.Body) {
	if op.at < w.losing && simMix(op.luck+w.told.Number)%100 < uint64(w.share) {
		s.log.logged = max(s.log.logged, op.at)
		return
	}
	s.append(simMessage{body: body, id: s.newID(), received: op.at, truth: -1}, op.at)
}

// ranIn reports whether a container of a space truly ran in a span of time.
func (s *simulation) ranIn(space uint8, sensor int8, from, to int64) bool {
	return slices.ContainsFunc(s.h.pods, func(p simPod) bool {
		return p.space == space && (sensor < 0 || p.sensor == uint8(sensor)) && p.started < to && p.to > from && p.started < p.to
	})
}

// wasIn reports whether a pod of a space was on a sensor's node in a span of time.
func (s *simulation) wasIn(space, sensor uint8, from, to int64) bool {
	return slices.ContainsFunc(s.h.pods, func(p simPod) bool {
		return p.space == space && p.sensor == sensor && p.from < to && p.to > from
	})
}
