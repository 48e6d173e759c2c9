package verifier

import (
	"encoding/binary"
	"slices"

	"github.com/falcogate/falcogate/correlate"
)

// simRecord is a record of the log, and what only the world knows of it.
type simRecord struct {
	correlate.Record
	truth   int32 // of an alert, else -1
	reading *simReading
}

// simLog is the event log. Its clock is the perfect one.
type simLog struct {
	records []simRecord
	next    uint64 // position
	logged  int64
	emptied bool // a start found nothing: its floor can't be told from the log
}

// append stores a message, and gives it to the state.
func (s *simulation) append(m simMessage, logged int64) {
	l := &s.log
	l.logged = max(l.logged, logged)
	rec := correlate.Record{
		Position: l.next, Logged: simTime(l.logged), Received: simTime(m.received), Transport: "http", Body: m.body,
	}
	binary.BigEndian.PutUint64(rec.ID[:], m.id)
	l.next++
	if m.truth >= 0 {
		s.truth[m.truth].copies++
	}
	if m.reading != nil && m.reading.logged == 0 {
		m.reading.logged = l.logged
	}
	l.records = append(l.records, simRecord{rec, m.truth, m.reading})
	s.apply(&l.records[len(l.records)-1].Record)
	for i := range s.falcos {
		if f := &s.falcos[i]; f.overtake > 0 {
			if f.overtake--; f.overtake == 0 {
				s.store(f, f.limbo, logged)
			}
		}
	}
}

// apply gives the next record to the state. A hole before it raises the floor.
func (s *simulation) apply(rec *correlate.Record) {
	if p := s.state.Position(); p > 0 && rec.Position > p+1 {
		s.state.Index().RaiseFloor(rec.Logged)
	}
	refused, err := applyTo(s.state, rec)
	if refused != nil || err != nil {
		panic("simulation: a record was refused") // the world makes none that can be
	}
}

// again stores a record once more.
func (s *simulation) again(op *simOp) {
	n := len(s.log.records)
	if n == 0 {
		return
	}
	r := s.log.records[n-1-int(op.n)%n]
	m := simMessage{
		body: r.Body, id: binary.BigEndian.Uint64(r.ID[:]), received: op.at, truth: r.truth, reading: r.reading,
	}
	s.append(m, op.at)
}

// crash ends falcogate and starts it anew on what the log has kept: the last
// records may be torn off, the first evicted, and others between them.
func (s *simulation) crash(op *simOp) {
	for i := range s.falcos {
		f := &s.falcos[i]
		if f.faults[simOutage].kind > 0 {
			s.lose(f, simLaneLost)
		}
		if f.overtake > 0 {
			if f.limbo.truth >= 0 {
				s.truth[f.limbo.truth].fate = simLaneLost
			}
			f.overtake = 0
		}
		f.cited = 0
	}
	for i := range s.cluster.watchers {
		if w := &s.cluster.watchers[i]; i == 0 { // the others are of other processes
			w.restart = true
		}
	}
	l := &s.log
	n := len(l.records)
	if torn := min(int(op.n), n); torn > 0 {
		s.forgetRecords(n-torn, n)
		l.next -= uint64(torn) // there are no holes at the end
	}
	s.forgetRecords(0, min(int(op.m), len(l.records)))
	if n := len(l.records); op.k > 0 && n > 2 {
		from := 1 + int(op.luck%uint64(n-2))
		s.forgetRecords(from, min(from+int(op.k), n-1))
	}
	s.state = s.rebuilt(op.at)
	l.emptied = l.emptied || len(l.records) == 0 && l.next > 1
}

// forgetRecords removes records from the log.
func (s *simulation) forgetRecords(from, to int) {
	for _, r := range s.log.records[from:to] {
		if r.truth >= 0 {
			s.truth[r.truth].copies--
		}
	}
	s.log.records = slices.Delete(s.log.records, from, to)
}

// rebuilt is the state that a start at a time reads from the log, as Tail and
// StateAt do it.
func (s *simulation) rebuilt(now int64) *correlate.State {
	before := s.state
	s.state = correlate.NewState(s.h.limits, s.h.most)
	records := s.log.records
	switch {
	case len(records) == 0 && s.log.next > 1:
		s.state.Index().RaiseFloor(simTime(now))
	case len(records) > 0 && records[0].Position > 1:
		s.state.Index().RaiseFloor(records[0].Logged)
	}
	for i := range records {
		s.apply(&records[i].Record)
	}
	s.state, before = before, s.state
	return before
}
