package correlate

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Entry is what the index holds of an alert. The rest of it is in the event log
// at Position.
type Entry struct {
	Position  uint64
	Time      time.Time // event time, UTC
	Priority  Priority
	Origin    Origin
	Namespace string  // empty unless Origin is Attributed
	Rule      string  //
	Pod       string  // empty when the alert names none
	Sensor    string  // hostname
	IDPrefix  [8]byte // the first half of Record.ID
}

// Cursor is the entry's place in a list.
func (e *Entry) Cursor() Cursor { return Cursor{Time: e.Time, Position: e.Position} }

// List returns at most limit of the alerts that the query selects, in the given
// order, beginning behind after. Next is where to continue; it is the zero
// Cursor when nothing more is held. Limit must be positive. Other errors are
// Validate's.
func (x *Index) List(q Query, order Order, limit int, after Cursor) (entries []Entry, next Cursor, err error) {
	switch err := q.Validate(); {
	case err != nil:
		return nil, Cursor{}, err
	case order > OldestFirst:
		return nil, Cursor{}, fmt.Errorf("list: unknown order %d", order)
	case limit <= 0:
		return nil, Cursor{}, fmt.Errorf("list: limit is %d: want 1 or more", limit)
	}
	m := x.merge(q, order, after)
	entries = make([]Entry, 0, min(limit, m.most, 1024))
	for len(m.runs) > 0 {
		if len(entries) == limit {
			return entries, entries[limit-1].Cursor(), nil
		}
		entries = append(entries, x.entry(&m.runs[0]))
		m.next()
	}
	return entries, Cursor{}, nil
}

// entry spells out the head of a run.
func (x *Index) entry(r *run) Entry {
	at := x.places.key(r.head.place())
	e := Entry{
		Position:  r.head.position(),
		Time:      instant(r.head.time()),
		Priority:  r.priority,
		Origin:    Attributed,
		Namespace: r.sp.name,
		Rule:      x.rules.key(r.head.rule()),
		Pod:       at.pod,
		Sensor:    x.sensors.key(at.sensor),
	}
	switch r.sp {
	case x.host:
		e.Origin = OnHost
	case x.unattributed:
		e.Origin = Unattributed
	}
	binary.BigEndian.PutUint64(e.IDPrefix[:], r.head.id())
	return e
}

// merge is what is left of a list: the runs that are not at their end, as a
// heap with the run whose head comes next in front.
type merge struct {
	x      *Index
	order  Order
	filter filter
	runs   []run
	most   int // how many entries the list may have
}

// run is what is left of one series: the entries from at on and before end that
// the filter matches. Head is the next of them.
type run struct {
	sp       *space
	priority Priority
	at, end  spot
	head     *entry
}

func (x *Index) merge(q Query, order Order, after Cursor) *merge {
	m := &merge{x: x, order: order}
	low, high := x.bounds(q.Window)
	f, some := x.filter(q)
	if !some || low >= high {
		return m
	}
	m.filter = f
	var lowPosition, highPosition uint64
	if !after.IsZero() {
		switch ns := nanos(after.Time); {
		case order == OldestFirst && ns >= low:
			low, lowPosition = ns, min(after.Position, maxPosition)+1
		case order == NewestFirst && ns < high:
			high, highPosition = ns, after.Position
		}
	}
	for sp := range x.spacesOf(q) {
		for p := Emergency; p <= q.MinPriority; p++ {
			s := sp.of(p)
			r := run{sp: sp, priority: p, at: s.search(low, lowPosition), end: s.search(high, highPosition)}
			n := s.between(r.at, r.end)
			if m.advance(&r) {
				m.runs = append(m.runs, r)
				m.most += n
			}
		}
	}
	for i := len(m.runs)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m
}

// next moves past the entry in front.
func (m *merge) next() {
	if !m.advance(&m.runs[0]) {
		last := len(m.runs) - 1
		m.runs[0] = m.runs[last]
		m.runs = m.runs[:last]
	}
	m.sink(0)
}

// advance takes the next matching entry off the run into its head, and reports
// whether there was one.
func (m *merge) advance(r *run) bool {
	s := r.sp.of(r.priority)
	for r.at.before(r.end) {
		if m.order == OldestFirst {
			r.head = s.at(r.at)
			r.at = s.after(r.at)
		} else {
			r.end = s.prior(r.end)
			r.head = s.at(r.end)
		}
		if m.filter.match(m.x, r.head) {
			return true
		}
	}
	return false
}

// first reports whether run i's head comes before run j's.
func (m *merge) first(i, j int) bool {
	a, b := m.runs[i].head, m.runs[j].head
	if m.order == NewestFirst {
		a, b = b, a
	}
	return a.before(b.time(), b.position())
}

// sink moves run i down the heap to where it belongs.
func (m *merge) sink(i int) {
	for {
		child := 2*i + 1
		if child+1 < len(m.runs) && m.first(child+1, child) {
			child++
		}
		if child >= len(m.runs) || !m.first(child, i) {
			return
		}
		m.runs[i], m.runs[child] = m.runs[child], m.runs[i]
		i = child
	}
}
