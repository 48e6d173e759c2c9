package verifier

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// cluster is what the watchers of a transcript tell of.
type cluster struct {
	watchers map[string]*clusterWatcher
	pods     map[string]*correlate.Placement // by the name that the transcript gives them
}

// clusterWatcher is one watcher of the API server.
type clusterWatcher struct {
	told correlate.Told
	mark uint64 // its last
}

// watchLine does what a line says of a watcher:
//
//	watch W TIME [first]      its word that all up to its last mark is told; first: there is none
//	list W TIME [POD,…]       all pods that there are, as of its last mark
//	pod W TIME POD [SETTING…] it tells of a pod; what was told of it before stays
//	rewatch W                 it starts anew
//	lose W                    a record of it gets lost
func (tr *transcript) watchLine(w *words) error {
	name := w.next("watcher")
	if tr.cluster.watchers == nil {
		tr.cluster = cluster{watchers: map[string]*clusterWatcher{}, pods: map[string]*correlate.Placement{}}
	}
	watcher := tr.cluster.watchers[name]
	if watcher == nil {
		watcher = &clusterWatcher{told: correlate.Told{Watcher: name, Session: 1}}
		tr.cluster.watchers[name] = watcher
	}
	switch w.command {
	case "rewatch":
		watcher.told.Session, watcher.told.Number, watcher.mark = watcher.told.Session+1, 0, 0
		return nil
	case "lose":
		watcher.told.Number++
		return nil
	}
	at := w.instant(w.next("time"))
	switch w.command {
	case "watch":
		if w.flag("first") {
			watcher.mark = 0
		}
		return tr.mark(watcher, at, correlate.Watching)
	case "pod":
		pod, err := tr.pod(w)
		return errors.Join(err, tr.tell(watcher, at, pod))
	}
	err := tr.mark(watcher, at, correlate.Listing)
	if len(w.plain) > 0 {
		for _, name := range strings.Split(w.next("pods"), ",") {
			pod := tr.cluster.pods[name]
			if pod == nil {
				return fmt.Errorf("no pod %q", name)
			}
			err = errors.Join(err, tr.tell(watcher, at, pod))
		}
	}
	return errors.Join(err, tr.mark(watcher, at, correlate.Listed))
}

// mark appends a watcher's word on all up to its last mark, and makes it its last.
func (tr *transcript) mark(watcher *clusterWatcher, at time.Time, phase correlate.WatchPhase) error {
	asOf := watcher.mark
	watcher.told.Number++
	if phase == correlate.Watching {
		watcher.mark = watcher.told.Number
	}
	return tr.append(message{at, &correlate.Watch{Told: watcher.told, Phase: phase, AsOf: asOf}})
}

func (tr *transcript) tell(watcher *clusterWatcher, at time.Time, pod *correlate.Placement) error {
	watcher.told.Number++
	body := *pod
	body.Told = watcher.told
	return tr.append(message{at, &body})
}

// pod is a pod with what a line says of it:
//
//	ns=N name=N uid=U node=H hostname=H owner=KIND/NAME controller=KIND/NAME labels=A:1,B:2
//	containers=ID,… at=TIME (scheduled) started=TIME finished=TIME gone linger=D
func (tr *transcript) pod(w *words) (*correlate.Placement, error) {
	name := w.next("pod")
	pod := tr.cluster.pods[name]
	if pod == nil {
		pod = &correlate.Placement{UID: name, Namespace: "shadow-1", Pod: name}
		tr.cluster.pods[name] = pod
	}
	next := *pod
	for option, into := range map[string]*string{"ns": &next.Namespace, "name": &next.Pod, "uid": &next.UID, "node": &next.Node, "hostname": &next.Hostname} {
		optionOf(w, option, parseText, into)
	}
	for option, into := range map[string]*time.Time{"at": &next.Scheduled, "started": &next.Started, "finished": &next.Finished} {
		optionOf(w, option, parseInstant, into)
	}
	for option, into := range map[string]*correlate.Owner{"owner": &next.Workload, "controller": &next.Controller} {
		optionOf(w, option, func(text string) (correlate.Owner, error) {
			kind, name, ok := strings.Cut(text, "/")
			if !ok {
				return correlate.Owner{}, fmt.Errorf("want KIND/NAME, have %q", text)
			}
			return correlate.Owner{Kind: kind, Name: name}, nil
		}, into)
	}
	optionOf(w, "labels", parseLabels, &next.Labels)
	optionOf(w, "containers", parseList, &next.Containers)
	optionOf(w, "linger", time.ParseDuration, &next.Linger)
	next.Gone = w.flag("gone") || next.Gone
	next.Created = next.Scheduled
	*pod = next
	return pod, nil
}

// parseLabels reads A:1,B:2, sorted by name.
func parseLabels(text string) (labels correlate.Fields, err error) {
	for _, pair := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(pair, ":")
		if !ok {
			return nil, fmt.Errorf("want NAME:VALUE, have %q", pair)
		}
		labels = append(labels, correlate.Field{Name: name, Value: value})
	}
	return correlate.NewFields(labels), nil
}
