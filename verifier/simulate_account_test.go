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
	var latest, last int64 = -1 << 62, -1 << 62
	for i := range s.log.records {
		r := &s.log.records[i]
		if r.truth >= 0 && s.truth[r.truth].sensor == sensor {
			t := &s.truth[r.truth]
			if id := binary.BigEndian.Uint64(r.ID[:]); !seen[id] {
				seen[id], got[r.truth] = true, true
				received[t.rule]++
				latest = max(latest, t.stamp)
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
			p := simPoint{simReading: r.reading, quiet: latest < r.reading.stamp-250*simMilli, received: received}
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
		latest = -1 << 62
	}
	return list
}

// excuseLoss explains an alert that was raised and did not arrive: at the
// snapshots that confirm that all arrived something else made up for it.
func (s *simulation) excuseLoss(i int32, level Evidence) simClass {
	t := &s.truth[i]
	list := s.points(t.sensor, t.run)
	first := 0 // that counts it
	for first < len(list) && list[first].upto <= i {
		first++
	}
	if first == 0 || first == len(list) {
		return simNoExcuse // it is not between two snapshots
	}
	if level == Heard && (!list[first-1].reported || !list[first].reported) {
		return simUncounted
	}
	for from := first - 1; from >= 0; from-- {
		base := list[from]
		if !base.carried(list[from+1 : first]) {
			continue
		}
		for at := first; at < len(list) && list[at].level(&base) >= 0; at++ {
			p := &list[at]
			if p.level(&base) > 0 {
				continue
			}
			var next *simPoint
			if !p.quiet {
				if next = base.confirming(list[at+1:]); next == nil {
					continue
				}
			}
			if class := s.madeUp(t, &list[from], p, next); class != simNoExcuse {
				return class
			}
		}
		if level == Heard {
			if class := s.open(t, &base, list[first:]); class != simNoExcuse {
				return class
			}
		}
	}
	return simNoExcuse
}

// confirming is the first of the points that stands where the base does again, and
// nil where one stands lower before.
func (p *simPoint) confirming(list []simPoint) *simPoint {
	for i := range list {
		if level := list[i].level(p); level <= 0 {
			return simIf(level == 0, &list[i], nil)
		}
	}
	return nil
}

// carried takes the point's offsets along over others up to a loss: where alerts
// of some rules are missing at one that is not quiet, those are taken off and the
// rest stays. It reports false where the offsets begin anew.
func (p *simPoint) carried(over []simPoint) bool {
	for i := range over {
		if over[i].level(p) >= 0 {
			continue
		}
		if over[i].quiet {
			return false
		}
		for rule := range p.received {
			p.received[rule] += min(over[i].offset(rule)-p.offset(rule), 0)
		}
	}
	return true
}

// madeUp says what made up for a loss at a point, and at the next, which had to
// confirm it where the point was not quiet.
func (s *simulation) madeUp(t *simTruth, base, p, next *simPoint) simClass {
	first := s.cause(t.rule, base, p)
	if next == nil {
		quiet := first == simMadeUp || first == simLatecomer || first == simUnlisted && p.extras() > base.extras()
		return simIf(quiet, first, simNoExcuse) // none can have overtaken it
	}
	second := s.cause(t.rule, base, next)
	if first == simNoExcuse || second == simNoExcuse {
		return simNoExcuse
	}
	return max(first, second) // the less usual
}

// cause says what stands in for an alert of a rule that is missing at a point.
func (s *simulation) cause(rule uint8, base, p *simPoint) simClass {
	listed := p.known && base.known
	switch {
	case p.extra(rule) > base.extra(rule):
		return simMadeUp
	case s.cameLate(rule, base, p):
		return simLatecomer
	case p.overtook[rule] > 0, !listed && p.overtook != [simRules]int64{}:
		return simIf(listed, simOvertaken, simUnlisted)
	case !listed && p.extras() > base.extras():
		return simUnlisted
	}
	return simNoExcuse
}

// cameLate reports whether an alert of the rule that the base counts came
// between it and p: less of what it counts is missing there.
func (s *simulation) cameLate(rule uint8, base, p *simPoint) bool {
	since := int64(0) // lost of what was counted after the base
	for k := base.upto; k < p.upto; k++ {
		t := &s.truth[k]
		if t.sensor == base.sensor && t.run == base.run && t.rule == rule && t.fate.raised() && !s.arrivedBy(k, p) {
			since++
		}
	}
	return p.lost[rule]-since < base.lost[rule]
}

// arrivedBy reports whether the log holds an alert before a point.
func (s *simulation) arrivedBy(k int32, p *simPoint) bool {
	for i := range s.log.records {
		r := &s.log.records[i]
		if r.reading == p.simReading {
			return false
		}
		if r.truth == k {
			return true
		}
	}
	return false
}

// open explains a loss that the snapshots up to the last can't show yet, for
// the level that does not wait for the account to close.
func (s *simulation) open(t *simTruth, base *simPoint, list []simPoint) simClass {
	for i := range list {
		p := &list[i]
		if p.level(base) < 0 {
			return simNoExcuse
		}
		if s.cause(t.rule, base, p) == simNoExcuse {
			return simNoExcuse
		}
	}
	return simOpen
}
