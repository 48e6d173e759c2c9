package verifier

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// sourceLag is how long after the snapshot of one event source that of the next
// is taken.
const sourceLag = 20 * time.Millisecond

// line does what one line of a log block says.
func (tr *transcript) line(w *words) error {
	switch w.command {
	case "limits":
		var limits correlate.Limits
		optionOf(w, "retention", time.ParseDuration, &limits.Retention)
		tr.state = correlate.NewState(limits, int(w.number("sensors")))
		return nil
	case "floor":
		tr.state.Index().RaiseFloor(w.instant(w.next("time")))
		return nil
	case "sensor":
		name := w.next("name")
		f := newFalco(name)
		f.run.StartTS = transcriptEpoch.Add(-time.Duration(len(tr.falcos)+1) * time.Minute).UnixNano()
		w.settings(f)
		tr.falcos[name] = f
		return nil
	case "watcher", "pod", "list", "watch":
		return tr.clusterLine(w)
	case "malformed":
		hostname, at := strings.TrimPrefix(w.next("name"), "-"), w.instant(w.next("time"))
		return tr.append(message{at, &correlate.Malformed{Hostname: hostname, Reason: "want an object"}})
	}
	var fs []*falco
	for _, name := range strings.Split(w.next("name"), ",") {
		f := tr.falcos[name]
		if f == nil {
			return fmt.Errorf("no sensor %q", name)
		}
		fs = append(fs, f)
	}
	if w.command == "beats" {
		return tr.beats(fs, w)
	}
	return tr.falcoLine(fs[0], w)
}

// falcoLine does what a line says of a Falco.
func (tr *transcript) falcoLine(f *falco, w *words) error {
	switch w.command {
	case "set":
		w.settings(f)
	case "reset":
		if w.flag("alerts") {
			clear(f.raised)
		} else {
			f.restart(f.run)
		}
	case "restart", "reload":
		at := w.instant(w.next("time"))
		run := correlate.Run{StartTS: f.run.StartTS, ReloadTS: at.UnixNano()}
		if w.command == "restart" {
			run = correlate.Run{StartTS: at.UnixNano()}
		}
		f.restart(run)
		w.settings(f)
	case "snap":
		at := w.instant(w.next("time"))
		var sources []string
		optionOf(w, "source", parseList, &sources)
		f.drops += w.number("drops")
		f.queued += w.number("queue")
		return tr.snapshots(f, at, sources, w)
	case "alert":
		return tr.alert(f, w)
	case "drop":
		at := w.instant(w.next("time"))
		d := &correlate.Drop{Hostname: f.hostname, Time: at}
		for name, counter := range map[string]*correlate.Counter{"drops": &d.Drops, "events": &d.Events} {
			if _, ok := w.options[name]; ok {
				*counter = reportedCounter(w.number(name))
			}
		}
		return tr.append(message{f.logged(at), d})
	case "timeout":
		at := w.instant(w.next("time"))
		return tr.append(message{f.logged(at), &correlate.Timeout{Hostname: f.hostname, Time: at}})
	case "release":
		held := f.held
		f.held = nil
		for _, m := range held {
			m.at = tr.logged
			if err := tr.append(m); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("unknown command %q", w.command)
	}
	return nil
}

// beats takes a row of snapshots, of all the Falcos in turn.
func (tr *transcript) beats(fs []*falco, w *words) error {
	from, to := w.span(w.next("span"))
	var sources []string
	var busy string
	var drift time.Duration
	optionOf(w, "source", parseList, &sources)
	optionOf(w, "busy", parseText, &busy)
	optionOf(w, "drift", time.ParseDuration, &drift)
	var names []string
	optionOf(w, "watch", parseList, &names)
	watchers, err := tr.cluster.named(names)
	if err != nil {
		return err
	}
	delivery := *w
	w.options, w.plain = nil, nil // each snapshot takes what is left
	for at := from; !at.After(to); at = at.Add(fs[0].every) {
		for _, f := range fs {
			f.ahead += drift
			each := words{plain: slices.Clone(delivery.plain), options: maps.Clone(delivery.options)}
			if busy != "" {
				before := at.Add(-50 * time.Millisecond)
				out := []message{{f.logged(before), alertOf(f.hostname, before, busy, correlate.Notice, nil)}}
				if err := errors.Join(f.raise(busy, 0), tr.deliver(f, out, &words{})); err != nil {
					return err
				}
			}
			if err := errors.Join(tr.snapshots(f, at, sources, &each), each.done()); err != nil {
				return err
			}
		}
		for _, watcher := range watchers {
			if err := tr.mark(watcher, at, correlate.Watching, watcher.last, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// snapshots takes one of each source, all that there are when none is named.
func (tr *transcript) snapshots(f *falco, at time.Time, sources []string, w *words) error {
	if sources == nil {
		sources = f.sources
	}
	var out []message
	for i, source := range sources {
		out = append(out, f.snapshot(at.Add(time.Duration(i)*sourceLag), source)...)
	}
	return tr.deliver(f, out, w)
}

// alert raises alerts, and delivers them unless they get lost.
func (tr *transcript) alert(f *falco, w *words) error {
	at, rule := w.instant(w.next("time")), w.next("rule")
	lost, uncounted, overtakes := w.flag("lost"), w.flag("uncounted"), int(w.number("overtakes"))
	if w.flag("overtakes") {
		overtakes = 1
	}
	fields := map[string]string{"k8s.ns.name": "other", "k8s.pod.name": "web-1", "container.id": "4d2f9b1c8a7e"}
	set := func(option, field string) {
		if value, ok := w.option(option); ok {
			fields[field] = value
		}
	}
	set("ns", "k8s.ns.name")
	set("pod", "k8s.pod.name")
	set("cmd", "proc.cmdline")
	set("container", "container.id")
	set("file", "fd.name")
	var tags []string
	optionOf(w, "tags", parseList, &tags)
	if w.flag("nopod") {
		delete(fields, "k8s.pod.name")
	}
	if host := w.flag("host"); host || w.flag("nons") {
		delete(fields, "k8s.ns.name")
		delete(fields, "k8s.pod.name")
		if host {
			fields["container.id"] = "host"
		}
	}
	priority, times := correlate.Warning, 1
	for _, word := range slices.Clone(w.plain) {
		if n, err := strconv.Atoi(strings.TrimPrefix(word, "x")); err == nil && w.flag(word) {
			times = n
		} else if p, err := correlate.ParsePriority(word); err == nil && w.flag(word) {
			priority = p
		}
	}
	if w.flag("nopriority") {
		priority = 0
	}
	var out []message
	for i := range times {
		if !uncounted {
			if err := f.raise(rule, overtakes); err != nil {
				return err
			}
		}
		when := at.Add(time.Duration(i) * time.Millisecond)
		alert := alertOf(f.hostname, when, rule, priority, fields)
		alert.Tags = tags
		out = append(out, message{f.logged(when), alert})
	}
	if lost {
		return nil
	}
	return tr.deliver(f, out, w)
}

// deliver gives messages to the log as a line's DELIVERY says.
func (tr *transcript) deliver(f *falco, out []message, w *words) error {
	var at time.Time
	optionOf(w, "logged", parseInstant, &at)
	twice, held := w.flag("twice"), w.flag("held")
	for _, m := range out {
		if !at.IsZero() {
			m.at = at
		}
		if held {
			f.held = append(f.held, m)
			continue
		}
		for range map[bool]int{false: 1, true: 2}[twice] {
			if err := tr.append(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// append stores a message. The log's clock never goes backwards.
func (tr *transcript) append(m message) error {
	if m.at.After(tr.logged) {
		tr.logged = m.at
	}
	tr.position++
	rec := &correlate.Record{Position: tr.position, Logged: tr.logged, Received: tr.logged, Transport: "http", Body: m.body}
	if a, ok := m.body.(*correlate.Alert); ok {
		rec.ID = a.ID()
		tr.texts[rec.Position] = told{a.Tags, alertShape(a)}
	}
	refused, err := applyTo(tr.state, rec)
	if refused != nil {
		tr.refused = refused
	}
	return err
}
