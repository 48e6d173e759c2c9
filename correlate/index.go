package correlate

import (
	"fmt"
	"strings"
	"time"
)

// Limits bound an Index.
type Limits struct {
	// Retention is how long alerts are kept: those whose event time is older
	// than the newest log time less Retention are evicted. Zero or less keeps
	// them for ever.
	Retention time.Duration
	// MaxBytes is how much memory the index may take, by Stats.Bytes. Zero or
	// less is no limit.
	MaxBytes int64
}

// Index holds the alerts of the event log by namespace, priority and time, in
// less than 40 bytes each.
type Index struct {
	limits Limits

	spaces       map[string]*space
	mostSpaces   int // since spaces was made; a map doesn't shrink
	host         *space
	unattributed *space

	rules   symbols[string]
	sensors symbols[string]
	places  symbols[place]
	ties    map[tie]struct{} // see spotFor
	waiting map[containerKey][]waitingAlert

	position uint64 // of the last alert added
	newest   int64  // log time
	floor    int64  // event time; 0 until something raised it
	swept    int64  // the floor at the last sweep

	stats Stats // its Floor and Namespaces are not kept up
}

// space holds the alerts of one namespace, or of all hosts, or those without a
// namespace.
type space struct {
	name   string
	series [len(Priorities)]series // by priority, the most severe first
}

// of returns the series of a valid priority.
func (sp *space) of(p Priority) *series { return &sp.series[p-Emergency] }

// place is where an alert comes from. A pod stays on its node, so that there
// are about as many places as pods.
type place struct {
	pod    string
	sensor uint32 // symbol
}

// NewIndex makes an empty index.
func NewIndex(limits Limits) *Index {
	return &Index{
		limits:       limits,
		spaces:       map[string]*space{},
		host:         &space{},
		unattributed: &space{},
		rules:        newSymbols[string](maxSymbols),
		sensors:      newSymbols[string](maxSymbols),
		places:       newSymbols[place](maxSymbols),
	}
}

// Add indexes the alert in rec, whose Position must be greater than that of all
// alerts added before, and advances to its log time. A duplicate, an alert
// below the floor and one too far ahead of the log are counted in Stats and not
// held; that is no error. An error means that rec holds no alert, or one
// without a valid priority, or that its position or log time can't be: nothing
// has changed then.
func (x *Index) Add(rec *Record) error {
	a, ok := rec.Body.(*Alert)
	if !ok {
		return fmt.Errorf("index: record %d: want an alert, have %T", rec.Position, rec.Body)
	}
	_, err := x.add(rec, a, homeOf(a))
	return err
}

// outcome is what became of an alert that was added.
type outcome uint8

const (
	held      outcome = iota
	duplicate         // it was held already
	late              // dated below the floor, and not held
	ahead             // dated too far ahead, and not held
)

// add is Add of an alert that belongs somewhere, and says what became of it.
func (x *Index) add(rec *Record, a *Alert, belongs home) (outcome, error) {
	switch {
	case !a.Priority.Valid():
		return 0, fmt.Errorf("index: record %d: alert of %q has no valid priority: %s", rec.Position, a.Hostname, a.Priority)
	case rec.Position <= x.position || rec.Position > maxPosition:
		return 0, fmt.Errorf("index: %w: want %d to %d, have %d", ErrPosition, x.position+1, uint64(maxPosition), rec.Position)
	case rec.Logged.IsZero():
		return 0, fmt.Errorf("index: record %d: has no log time", rec.Position)
	}
	x.position = rec.Position
	x.Advance(rec.Logged)
	for x.rules.full() || x.sensors.full() || x.places.full() {
		x.makeRoom(x.stats.Bytes - x.stats.Bytes/8 - 1)
	}
	ns := nanos(a.Time)
	if ns < x.floor {
		x.stats.LateBelowFloor++
		return late, nil
	}
	// The log will have dropped such a record before its time comes. Holding it
	// would let a sensor whose clock is years ahead fill the index for years.
	if x.limits.Retention > 0 && ns-x.newest > int64(x.limits.Retention) {
		x.stats.Ahead++
		return ahead, nil
	}
	sp := x.space(belongs)
	s, id := sp.of(a.Priority), idPrefix(rec.ID)
	end, tied, again := x.spotFor(sp, a.Priority, ns, id)
	if again {
		x.stats.Duplicates++
		return duplicate, nil
	}
	if tied {
		x.tie(sp, a.Priority, ns, id)
	}
	if len(s.chunks) == 0 {
		x.stats.Bytes += seriesBytes
	}
	s.insert(end, newEntry(ns, id, rec.Position, x.placeOf(a.Hostname, belongs.pod), x.intern(&x.rules, a.Rule)))
	x.held(sp, +1)
	if belongs.waits != (containerKey{}) {
		x.wait(belongs.waits, waitingAlert{sp, a.Priority, ns, rec.Position})
	}
	x.keepBelow(x.limits.MaxBytes)
	return held, nil
}

// space returns where an alert belongs, made if need be. Making it before a
// duplicate is found is no waste: a duplicate's space exists.
func (x *Index) space(belongs home) *space {
	switch belongs.origin {
	case OnHost:
		return x.host
	case Attributed:
		return x.spaceOf(belongs.namespace)
	}
	return x.unattributed
}

// spaceOf returns the space of a namespace, made if need be.
func (x *Index) spaceOf(name string) *space {
	sp := x.spaces[name]
	if sp == nil {
		// Cloned, here and in placeOf: the name may be part of a whole message,
		// which would stay in memory with it.
		sp = &space{name: strings.Clone(name)}
		x.spaces[sp.name] = sp
		x.mostSpaces = max(x.mostSpaces, len(x.spaces))
		x.stats.Bytes += spaceBytes + stringBytes(name)
	}
	return sp
}

// placeOf returns the symbol of a place with one more reference.
func (x *Index) placeOf(hostname, pod string) uint32 {
	at := place{pod: pod}
	if sensor, ok := x.sensors.find(hostname); ok {
		at.sensor = sensor
		if n, ok := x.places.find(at); ok {
			x.places.refer(n)
			return n
		}
	}
	at.sensor = x.intern(&x.sensors, hostname) // the place's reference
	at.pod = strings.Clone(pod)
	x.stats.Bytes += symbolBytes + stringBytes(pod)
	return x.places.add(at)
}

func (x *Index) intern(s *symbols[string], name string) uint32 {
	if n, ok := s.find(name); ok {
		s.refer(n)
		return n
	}
	x.stats.Bytes += symbolBytes + stringBytes(name)
	return s.add(strings.Clone(name))
}
