package correlate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// cluster is the whole truth of a small cluster, and what watchers make of it. The
// clock of the log is the true one; the API server's and the sensors' differ from it.
type cluster struct {
	now       time.Time
	api       time.Duration // by how much the API server's clock is ahead
	pods      []*clusterPod
	changes   []change // of the API's data, in order of time
	watchers  []*clusterWatcher
	log       []*Record
	firstGone map[string]time.Time // log time at which the end of a pod was told first
	// goneListed is whether lists have the pods that are gone and still there.
	goneListed bool
}

// clusterPod is a pod as it truly is. Times are true ones, zero until they come.
type clusterPod struct {
	Placement
	scheduled, started, ended time.Time // its containers
	gone                      time.Time // by the API
	removed                   bool      // from the API
	guises                    []trueGuise
}

// trueGuise is what a pod's object says from an instant on.
type trueGuise struct {
	from  time.Time
	tier  string
	owner Owner
}

// change is a pod's object as it is from an instant on.
type change struct {
	at time.Time
	p  Placement
}

// clusterWatcher is a watcher that may lag, lose records and be interrupted.
type clusterWatcher struct {
	told    Told
	seen    int         // of the changes: the rest is still on its way to it
	marks   []trueMark  // of the session
	pending []Placement // of a list that it is telling
	asOf    uint64
	listing bool
	whole   bool // it has told a list since it may have missed something
	early   bool // it tells what changes before the list, too
}

type trueMark struct {
	number uint64
	logged time.Time
}

// podSecond is an instant by the API: whole seconds, rounded down.
func (c *cluster) podSecond(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(c.api).Truncate(time.Second)
}

func (c *cluster) changed(p *clusterPod) {
	p.Scheduled, p.Started = c.podSecond(p.scheduled), c.podSecond(p.started)
	g := p.guises[len(p.guises)-1]
	p.Labels = Fields{{"pod-template-hash", "h" + g.tier}, {"tier", g.tier}}
	p.Controller, p.Workload = g.owner, Owner{"Deployment", "web"}
	c.changes = append(c.changes, change{c.now, p.Placement})
}

// append puts a record into the log, unless it gets lost.
func (c *cluster) append(body Body, lost bool) {
	if lost {
		return
	}
	c.log = append(c.log, &Record{Position: uint64(len(c.log)) + 1, Logged: c.now, Received: c.now, Body: body})
	if p, ok := body.(*Placement); ok && p.Gone && c.firstGone[p.UID].IsZero() {
		c.firstGone[p.UID] = c.now
	}
}

// step lets something happen.
func (c *cluster) step(t *rapid.T) {
	c.now = c.now.Add(time.Duration(rapid.SampledFrom([]int{1, 100, 100, 300, 1000}).Draw(t, "pause")) * time.Millisecond)
	if rapid.IntRange(0, 2).Draw(t, "who") == 0 {
		c.podStep(t)
		return
	}
	c.watcherStep(t, rapid.SampledFrom(c.watchers).Draw(t, "watcher"))
}

var (
	tiers  = []string{"canary", "stable"}
	owners = []Owner{{"ReplicaSet", "web-1"}, {"ReplicaSet", "web-2"}, {}}
)

// podStep creates a pod, or brings one a step on in its life.
func (c *cluster) podStep(t *rapid.T) {
	var alive []*clusterPod
	for _, p := range c.pods {
		if !p.removed {
			alive = append(alive, p)
		}
	}
	if len(alive) == 0 || len(alive) < 4 && rapid.IntRange(0, 3).Draw(t, "new") == 0 {
		n := len(c.pods)
		p := &clusterPod{Placement: Placement{
			UID: fmt.Sprint("uid-", n), Namespace: "a", Pod: rapid.SampledFrom([]string{"web-0", "web-1"}).Draw(t, "name"), Created: c.podSecond(c.now),
		}}
		p.guises = []trueGuise{{c.now, rapid.SampledFrom(tiers).Draw(t, "tier"), owners[0]}}
		if rapid.Bool().Draw(t, "placed at once") {
			p.Node, p.scheduled = rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node"), c.now
		}
		c.pods = append(c.pods, p)
		c.changed(p)
		return
	}
	p := rapid.SampledFrom(alive).Draw(t, "pod")
	if p.Gone {
		p.removed = true // which nobody needs to be told
		return
	}
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0: // its labels or its owner
		g := p.guises[len(p.guises)-1]
		if rapid.Bool().Draw(t, "owner") {
			g.owner = rapid.SampledFrom(owners).Draw(t, "controller")
		} else {
			g.tier = rapid.SampledFrom(tiers).Draw(t, "tier")
		}
		g.from = c.now
		p.guises = append(p.guises, g)
	case 1: // it ends, and is told to, or is simply removed
		p.ended, p.gone, p.Gone = c.now, c.now, true
		switch {
		case p.started.IsZero():
		case rapid.Bool().Draw(t, "killed by force"):
			p.Linger = time.Second
			p.ended = c.now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "lingers")) * time.Millisecond)
		case rapid.Bool().Draw(t, "seen to end"):
			p.Finished = c.podSecond(c.now)
		}
		p.removed = rapid.Bool().Draw(t, "removed")
	default: // it is placed, and starts
		switch {
		case p.Node == "":
			p.Node, p.scheduled = rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node"), c.now
		case p.started.IsZero():
			p.started = c.now
		}
	}
	c.changed(p)
}

// watcherStep lets a watcher do something.
func (c *cluster) watcherStep(t *rapid.T, w *clusterWatcher) {
	lost := rapid.IntRange(0, 80).Draw(t, "lost") == 0
	switch what := rapid.IntRange(0, 30).Draw(t, "what"); {
	case what == 0 && rapid.Bool().Draw(t, "again") || w.told.Session == 0:
		// It starts anew: a mark, and then it asks the API for all.
		w.told.Session += rapid.Uint64Range(1, 3).Draw(t, "session")
		*w = clusterWatcher{told: Told{Watcher: w.told.Watcher, Session: w.told.Session}, early: rapid.Bool().Draw(t, "tells before the list")}
		c.mark(w, Watching, 0, lost)
		c.now = c.now.Add(time.Duration(rapid.IntRange(0, 500).Draw(t, "the API takes")) * time.Millisecond)
		w.seen = len(c.changes)
	case what == 1 && len(c.log) > 0:
		// A record comes again.
		c.append(c.log[max(0, len(c.log)-1-rapid.IntRange(0, 20).Draw(t, "again"))].Body, false)
	case w.listing && what < 22:
		if len(w.pending) == 0 {
			c.mark(w, Listed, w.asOf, lost)
			w.listing, w.whole = false, true
			return
		}
		p := w.pending[0]
		w.pending = w.pending[1:]
		c.tell(w, p, lost)
	case !w.listing && (what < 3 || !w.whole && what < 20):
		if asOf := c.citable(w); asOf > 0 {
			w.asOf, w.listing, w.pending = asOf, true, c.view(w, c.goneListed)
			c.mark(w, Listing, asOf, lost)
		}
	case what < 15:
		c.mark(w, Watching, c.citable(w), lost)
	case w.seen < len(c.changes):
		p := c.changes[w.seen].p
		if i := slices.IndexFunc(w.pending, func(o Placement) bool { return o.UID == p.UID }); i >= 0 {
			// What the list says of it comes first.
			p = w.pending[i]
			w.pending = slices.Delete(w.pending, i, i+1)
			c.tell(w, p, lost)
			return
		}
		w.seen++
		if w.whole || w.listing || w.early {
			c.tell(w, p, lost)
		}
	}
}

func (c *cluster) tell(w *clusterWatcher, p Placement, lost bool) {
	w.told.Number++
	p.Told = w.told
	c.append(&p, lost)
}

func (c *cluster) mark(w *clusterWatcher, phase WatchPhase, asOf uint64, lost bool) {
	w.told.Number++
	w.marks = append(w.marks, trueMark{w.told.Number, c.now})
	c.append(&Watch{Told: w.told, Phase: phase, AsOf: asOf}, lost)
}

// citable is the latest of the watcher's marks up to which it has seen, and told, all.
func (c *cluster) citable(w *clusterWatcher) (number uint64) {
	for _, m := range w.marks[max(0, len(w.marks)-keptMarks):] {
		if w.seen == len(c.changes) || c.changes[w.seen].at.After(m.logged) {
			number = m.number
		}
	}
	return number
}

// view is the list that a watcher has: the pods as they were at the last change that
// it has seen.
func (c *cluster) view(w *clusterWatcher, gone bool) (list []Placement) {
	latest := map[string]int{}
	for i, ch := range c.changes[:w.seen] {
		latest[ch.p.UID] = i
	}
	for _, i := range latest {
		p := c.changes[i].p
		k := slices.IndexFunc(c.pods, func(pod *clusterPod) bool { return pod.UID == p.UID })
		removed := c.pods[k].removed && latest[p.UID] == c.lastOf(p.UID)
		if !p.Gone || gone && !removed {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b Placement) int { return slices.Compare([]byte(a.UID), []byte(b.UID)) })
	return list
}

func (c *cluster) lastOf(uid string) (last int) {
	for i, ch := range c.changes {
		if ch.p.UID == uid {
			last = i
		}
	}
	return last
}

// settle lets the watchers see and tell all, without a fault, and mark it.
func (c *cluster) settle() {
	for _, w := range c.watchers {
		c.now = c.now.Add(time.Second)
		w.told.Session++
		*w = clusterWatcher{told: Told{Watcher: w.told.Watcher, Session: w.told.Session}}
		c.mark(w, Watching, 0, false)
		w.seen = len(c.changes)
		asOf := w.marks[0].number
		c.mark(w, Listing, asOf, false)
		for _, p := range c.view(w, false) {
			c.tell(w, p, false)
		}
		c.mark(w, Listed, asOf, false)
		w.whole = true
	}
	c.now = c.now.Add(20 * time.Second)
	for _, w := range c.watchers {
		c.mark(w, Watching, 0, false)
		c.mark(w, Watching, w.marks[len(w.marks)-1].number, false)
	}
}

// String tells the log and the pods, to look into an answer that is wrong.
func (c *cluster) String() string {
	var b strings.Builder
	ago := func(t time.Time) time.Duration { return t.Sub(epoch) }
	for _, p := range c.pods {
		fmt.Fprintf(&b, "\n%s %s on %q scheduled %s started %s ended %s:", p.UID, p.Pod, p.Node, ago(p.scheduled), ago(p.started), ago(p.ended))
		for _, g := range p.guises {
			fmt.Fprintf(&b, " %s %s %s,", ago(g.from), g.tier, g.owner.Name)
		}
	}
	for _, r := range c.log {
		switch body := r.Body.(type) {
		case *Watch:
			fmt.Fprintf(&b, "\n%3d %s %v %s as of %d", r.Position, ago(r.Logged), body.Told, body.Phase, body.AsOf)
		case *Placement:
			fmt.Fprintf(&b, "\n%3d %s %v %s %s %v gone %t, scheduled %s started %s finished %s", r.Position, ago(r.Logged), body.Told,
				body.UID, body.Labels[1].Value, body.Controller.Name, body.Gone, ago(body.Scheduled), ago(body.Started), ago(body.Finished))
		}
	}
	return b.String()
}
