package verifier

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// transcriptCluster is what a transcript's watchers see.
type transcriptCluster struct {
	watchers []*transcriptWatcher
	pods     []*correlate.Placement // in the order in which they came, gone ones too
}

// transcriptWatcher is one watcher of the Kubernetes API.
type transcriptWatcher struct {
	told correlate.Told
	last uint64 // number of its last mark
}

func (c *transcriptCluster) watcher(name string) (*transcriptWatcher, error) {
	i := slices.IndexFunc(c.watchers, func(w *transcriptWatcher) bool { return w.told.Watcher == name })
	if i < 0 {
		return nil, fmt.Errorf("no watcher %q", name)
	}
	return c.watchers[i], nil
}

func (c *transcriptCluster) named(names []string) (list []*transcriptWatcher, err error) {
	for _, name := range names {
		watcher, err := c.watcher(name)
		if err != nil {
			return nil, err
		}
		list = append(list, watcher)
	}
	return list, nil
}

// clusterLine does what a line says of a watcher or of pods.
func (tr *transcript) clusterLine(w *words) error {
	c, name := &tr.cluster, w.next("name")
	if w.command == "pod" {
		return tr.podLine(name, w)
	}
	watcher, err := c.watcher(name)
	if err != nil && w.command == "watcher" {
		c.watchers = append(c.watchers, &transcriptWatcher{told: correlate.Told{Watcher: name, Session: 1}})
		err = nil
	}
	switch {
	case err != nil || watcher == nil:
		return err
	case w.command == "watcher":
		*watcher = transcriptWatcher{told: correlate.Told{Watcher: name, Session: watcher.told.Session + 1}}
		return nil
	}
	every, lost := 5*time.Second, w.flag("lost")
	optionOf(w, "every", time.ParseDuration, &every)
	when := w.next("time")
	if w.command == "list" {
		begun, ended := w.flag("begun"), w.flag("ended")
		return tr.list(watcher, w.instant(when), !ended, !begun)
	}
	from, to := w.instantOrSpan(when)
	for at := from; !at.After(to); at = at.Add(every) {
		if err := tr.mark(watcher, at, correlate.Watching, watcher.last, lost); err != nil {
			return err
		}
	}
	return nil
}

// instantOrSpan reads TIME or FROM-TO.
func (w *words) instantOrSpan(text string) (from, to time.Time) {
	if strings.Contains(text, "-") {
		return w.span(text)
	}
	at := w.instant(text)
	return at, at
}

// list tells a list, or its beginning or its end alone.
func (tr *transcript) list(watcher *transcriptWatcher, at time.Time, begin, end bool) error {
	if begin {
		if err := tr.mark(watcher, at, correlate.Watching, 0, false); err != nil {
			return err
		}
		if err := tr.mark(watcher, at, correlate.Listing, watcher.last, false); err != nil {
			return err
		}
		for _, p := range tr.cluster.pods {
			if p.Gone {
				continue
			}
			if err := tr.tell(watcher, at, p, false); err != nil {
				return err
			}
		}
	}
	if !end {
		return nil
	}
	return tr.mark(watcher, at, correlate.Listed, watcher.last, false)
}

func (tr *transcript) mark(watcher *transcriptWatcher, at time.Time, phase correlate.WatchPhase, asOf uint64, lost bool) error {
	watcher.told.Number++
	watcher.last = watcher.told.Number
	if lost {
		return nil
	}
	return tr.append(message{at, &correlate.Watch{Told: watcher.told, Phase: phase, AsOf: asOf}})
}

func (tr *transcript) tell(watcher *transcriptWatcher, at time.Time, p *correlate.Placement, lost bool) error {
	watcher.told.Number++
	if lost {
		return nil
	}
	body := *p
	body.Told = watcher.told
	return tr.append(message{at, &body})
}

// podLine changes a pod, and has a watcher tell of it.
func (tr *transcript) podLine(name string, w *words) error {
	at, c := w.instant(w.next("time")), &tr.cluster
	var pod *correlate.Placement
	for _, p := range c.pods {
		if p.Pod == name {
			pod = p
		}
	}
	if isNew := w.flag("new"); pod == nil || isNew {
		pod = &correlate.Placement{UID: fmt.Sprint("uid-", len(c.pods)), Namespace: "shadow-1", Pod: name, Created: at.Truncate(time.Second)}
		c.pods = append(c.pods, pod)
	}
	w.podSettings(pod, at)
	untold, lost := w.flag("untold"), w.flag("lost")
	by, named := w.option("by")
	switch {
	case untold:
		return nil
	case len(c.watchers) == 0:
		return fmt.Errorf("there is no watcher that could tell of pod %q", name)
	case !named:
		return tr.tell(c.watchers[0], at, pod, lost)
	}
	watcher, err := c.watcher(by)
	if err != nil {
		return err
	}
	return tr.tell(watcher, at, pod, lost)
}

// podSettings applies a line's settings to a pod.
func (w *words) podSettings(p *correlate.Placement, at time.Time) {
	second := func(text string) (time.Time, error) {
		if text == "no" {
			return time.Time{}, nil
		}
		t, err := parseInstant(text)
		return t.Truncate(time.Second), err
	}
	owner := func(text string) (correlate.Owner, error) {
		kind, name, ok := strings.Cut(text, "/")
		if !ok {
			return correlate.Owner{}, fmt.Errorf("want KIND/NAME, have %q", text)
		}
		return correlate.Owner{Kind: kind, Name: name}, nil
	}
	if placed := optionOf(w, "on", parseText, &p.Node); placed && p.Scheduled.IsZero() {
		p.Scheduled = at.Truncate(time.Second)
		p.Started = p.Scheduled
	}
	optionOf(w, "ns", parseText, &p.Namespace)
	optionOf(w, "labels", parseLabels, &p.Labels)
	optionOf(w, "owner", owner, &p.Controller)
	optionOf(w, "workload", owner, &p.Workload)
	optionOf(w, "containers", parseList, &p.Containers)
	optionOf(w, "hostname", parseText, &p.Hostname)
	optionOf(w, "created", second, &p.Created)
	optionOf(w, "scheduled", second, &p.Scheduled)
	optionOf(w, "started", second, &p.Started)
	optionOf(w, "finished", second, &p.Finished)
	optionOf(w, "linger", time.ParseDuration, &p.Linger)
	p.Gone = w.flag("gone") || p.Gone
}

func parseLabels(text string) (correlate.Fields, error) {
	var list []correlate.Field
	for _, pair := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(pair, ":")
		if !ok {
			return nil, fmt.Errorf("want NAME:VALUE, have %q", pair)
		}
		list = append(list, correlate.Field{Name: name, Value: value})
	}
	return correlate.NewFields(list), nil
}
