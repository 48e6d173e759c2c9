package verifier

import (
	"encoding/binary"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// simMessage is a message on its way from a Falco's queue into the log.
type simMessage struct {
	body     correlate.Body
	id       uint64
	received int64
	truth    int32 // of an alert, else -1
	rules    uint8 // of a snapshot
	digest   uint8
	reading  *simReading
}

// simWay is what lies between a Falco's queue and the log.
type simWay struct {
	held     []simMessage // while there is an outage
	swap     int32        // how many records overtake the next message
	swapAt   int64        // if that comes soon
	limbo    simMessage   // what is being overtaken
	overtake int32        // by how many more
	since    int64        // since when
	cited    uint16       // the ruleset that was logged last, 0 for none
	citedAt  int64
}

// send puts a message on its way. It says what becomes of it.
func (s *simulation) send(f *simFalco, m simMessage, op *simOp, now int64) simFate {
	switch {
	case f.neverSent:
		return simRefused
	case f.strikes(simReader, now, op):
		return simReadAway
	case f.http && f.on(simDown, now):
		return simRefused
	case f.strikes(simGarble, now, op):
		s.garble(f, m, now)
		return simGarbled
	}
	m.received = now + f.way
	if f.on(simOutage, now) {
		f.held = append(f.held, m)
		s.wake(f.faults[simOutage].until)
		return simHeld
	}
	s.deliver(f, m, now)
	return simArrived
}

// garble makes the message one that can't be read.
func (s *simulation) garble(f *simFalco, m simMessage, now int64) {
	body := s.malformed.next()
	*body = correlate.Malformed{Reason: "cut off"}
	if f.faults[simGarble].kind > 0 {
		body.Hostname = simHosts[f.id]
	}
	m.body, m.truth, m.reading, m.received = body, -1, nil, now+f.way
	m.id = s.newID()
	if f.on(simOutage, now) {
		f.held = append(f.held, m)
		s.wake(f.faults[simOutage].until)
		return
	}
	s.deliver(f, m, now)
}

// deliver brings a message to the log, unless others overtake it first.
func (s *simulation) deliver(f *simFalco, m simMessage, now int64) {
	if f.swap > 0 && f.overtake == 0 && now < f.swapAt+simSwapped {
		f.limbo, f.overtake, f.since, f.swap = m, f.swap, now, 0
		s.wake(now + simSwapped)
		return
	}
	s.store(f, m, now+f.way)
}

// simSwapped is how long a message waits for others to overtake it.
const simSwapped = 4 * simSecond

// drain delivers what an outage has held.
func (s *simulation) drain(f *simFalco, now int64) {
	kept := f.faults[simOutage].kind > 0 // held behind the receiver
	for i := range f.held {
		m := f.held[i]
		if !kept {
			m.received = now + f.way
		}
		s.deliver(f, m, now+int64(i)*simMilli/8)
	}
	f.held = f.held[:0]
}

// lose drops what an outage has held.
func (s *simulation) lose(f *simFalco, fate simFate) {
	for i := range f.held {
		if t := f.held[i].truth; t >= 0 {
			s.truth[t].fate = fate
		}
	}
	f.held = f.held[:0]
}

// store appends a message to the log, with the ruleset that it cites before it.
func (s *simulation) store(f *simFalco, m simMessage, logged int64) {
	if snap, ok := m.body.(*correlate.Snapshot); ok {
		// Zero stands for none that was logged.
		key := uint16(m.rules)<<8 | uint16(m.digest) + 1
		rs := simRulesets[f.id][m.digest%simDigests][m.rules]
		snap.Ruleset = rs.ID
		if f.cited != key || logged-f.citedAt > int64(time.Hour) {
			f.cited, f.citedAt = key, logged
			s.append(simMessage{body: rs, id: s.newID(), received: m.received, truth: -1}, logged)
		}
	}
	if m.truth >= 0 {
		if t := &s.truth[m.truth]; t.fate != simForged {
			t.fate = simArrived
		}
	}
	s.append(m, logged)
}

// simDigests is how many rules files there are.
const simDigests = 4

// simRulesets are all that a sensor may have loaded.
var simRulesets = func() (all [simSensors][simDigests][1 << simRules]*correlate.Ruleset) {
	for sensor := range all {
		for digest := range all[sensor] {
			for mask := range all[sensor][digest] {
				rs := &correlate.Ruleset{Hostname: simHosts[sensor], Time: simTime(0), Version: "0.44.1", Engine: "modern_bpf"}
				binary.BigEndian.PutUint64(rs.ID[:], uint64(digest)<<8|uint64(mask)+1)
				rs.RulesFiles = []correlate.Field{{Name: "falco_rules", Value: string(rune('a' + digest))}}
				for rule := range simRules {
					if mask>>rule&1 == 1 {
						rs.Rules = append(rs.Rules, simMetrics[rule])
					}
				}
				all[sensor][digest][mask] = rs
			}
		}
	}
	return all
}()
