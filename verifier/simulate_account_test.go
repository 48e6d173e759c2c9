package verifier

import (
	"encoding/binary"

	"github.com/falcogate/falcogate/correlate"
)

// simPoint is where the true account of a run stands at one of its snapshots.
type simPoint struct {
	*simReading
	quiet    bool // no alert close to it
	known    bool // its ruleset is in the log before it
	reported bool // how many were raised
	received [simRules]int64
	overtook [simRules]int64 // received, not counted yet
	lost     [simRules]int64 // counted, not received (yet)
}

// offset is what a rule's alerts received are more than those raised.
func (p *simPoint) offset(rule int) int64 { return p.received[rule] - int64(p.raised[rule]) }

// extra is how many came that the engine did not raise in this run.
func (p *simPoint) extra(rule uint8) int64 {
	return p.offset(int(rule)) - p.overtook[rule] + p.lost[rule]
}

// extras is the same over all rules.
func (p *simPoint) extras() (sum int64) {
	for rule := range uint8(simRules) {
		sum += p.extra(rule)
	}
	return sum
}

// level compares the offsets of two points: negative when one fell in any way
// that the counters tell, 0 when all are equal, else positive.
func (p *simPoint) level(base *simPoint) int {
	var sum int64
	fell := false
	for rule := range p.received {
		d := p.offset(rule) - base.offset(rule)
		sum += d
		fell = fell || d < 0
	}
	switch {
	case sum < 0, fell && p.known && base.known:
		return -1
	case sum > 0:
		return 1
	}
	return 0
}

// points are the points of a sensor's run, in the order of the log, as far as
// the log holds them.
func (s *simulation) points(sensor uint8, run int32) (list []simPoint) {
	var received [simRules]int64
	seen, rulesets := map[uint64]bool{}, map[correlate.RulesetID]bool{}
	got := make([]bool, len(s.truth))
	var stamps []int64 // of what was received
	last := int64(-1 << 62)
	for i := range s.log.records {
		r := &s.log.records[i]
		if r.truth >= 0 && s.truth[r.truth].sensor == sensor {
			t := &s.truth[r.truth]
			if id := binary.BigEndian.Uint64(r.ID[:]); !seen[id] {
				seen[id], got[r.truth] = true, true
				received[t.rule]++
				stamps = append(stamps, t.stamp)
			}
		}
		if rs, ok := r.Body.(*correlate.Ruleset); ok && rs.Hostname == simHosts[sensor] {
			rulesets[rs.ID] = true
		}
		if r.reading == nil || r.reading.sensor != sensor || r.reading.at <= last {
			continue
		}
		last = r.reading.at
		if r.reading.run == run {
			p := simPoint{simReading: r.reading, quiet: simQuiet(stamps, r.reading.stamp), received: received}
			snap := r.Body.(*correlate.Snapshot)
			p.reported, p.known = snap.MatchesTotal.Reported, rulesets[snap.Ruleset]
			for k := range s.truth {
				t := &s.truth[k]
				if t.sensor != sensor || t.run != run || !t.fate.raised() {
					continue
				}
				if counted := k < int(p.upto); counted && !got[k] {
					p.lost[t.rule]++
				} else if !counted && got[k] {
					p.overtook[t.rule]++
				}
			}
			list = append(list, p)
		}
	}
	return list
}

// simQuiet reports whether no alert is dated close to a snapshot. Those that are
// dated a minute later come from a clock that was set.
func simQuiet(stamps []int64, at int64) bool {
	for _, t := range stamps {
		if t >= at-250*simMilli && t <= at+60*simSecond {
			return false
		}
	}
	return true
}
