package correlate

import "time"

// SensorProof is where a sensor's ledger stands. It is zero before the first
// snapshot.
type SensorProof struct {
	UsualInterval time.Duration // between snapshots, as learned; 0 when not known
	Heard         time.Time     // up to when every source was heard, before the settling margin
	Accounted     time.Time     // up to when the account is closed as well
	Offset        int64         // o = R - M at the newest snapshot
	OffsetKnown   bool          // M is reported
	Behind        time.Duration // how far the clock is behind the log's; negative when ahead
	Sources       []string      // event sources whose snapshots were heard
	RulesCounted  bool          // per-rule counters are reported
	Stale         uint64        // snapshots that came twice, or were overtaken
	RunsAlternate uint64        // how often the run before the last came back: two sensors under one name
}

// prove feeds the sensor's ledger.
func (s *Sensors) prove(known *sensor, rec *Record, became outcome) {
	switch body := rec.Body.(type) {
	case *Alert:
		switch became {
		case duplicate, late:
			// One from below the floor may have been counted before the index let it go.
			return
		case ahead:
			known.ledger.account.noted |= flawClock // nothing tells whether it comes again
		}
		known.ledger.alert(s.names.number(body.Rule), nanos(body.Time), nanos(rec.Logged))
	case *Snapshot:
		before := known.ledger.account.snapshot
		if found := known.ledger.snapshot(body, nanos(rec.Logged)); found != 0 {
			s.stats.count(found)
			s.changes.flawed(known.Hostname, before, nanos(body.Time))
		}
		s.changes.Progress = true
	case *Ruleset:
		rs := s.rulesets[body.ID]
		if rs == nil {
			rs = newRuleset(body, s.names)
			s.rulesets[body.ID] = rs
		}
		known.ledger.loaded(rs)
	case *Drop:
		known.ledger.drop(body)
	case *Timeout:
		known.ledger.note(flawSilent)
	}
}

// status adds what the ledger says to what is known of the sensor.
func (s *sensor) status() SensorStatus {
	st, l := s.SensorStatus, &s.ledger
	p := &st.Proof
	p.Stale, p.RunsAlternate = l.stale, l.account.alternated
	p.Offset, p.OffsetKnown = l.account.offset()
	p.Heard, p.Accounted = sometime(l.heard()), sometime(l.accounted())
	for _, h := range l.heartbeats {
		p.Sources = append(p.Sources, h.source)
		p.UsualInterval = max(p.UsualInterval, time.Duration(h.interval.usual()))
		p.RulesCounted = p.RulesCounted || h.rules != nil && len(h.rules.rules) > 0
		n := len(h.beats.spans)
		if n == 0 {
			continue
		}
		if behind := time.Duration(h.clock(n - 1)); behind.Abs() > p.Behind.Abs() {
			p.Behind = behind
		}
	}
	return st
}
