package verifier

import (
	"slices"
	"time"
)

// simClass is a way in which a proof can be wrong that is known, and that
// nothing in the log can tell.
type simClass uint8

const (
	simNoExcuse simClass = iota
	// simUnheard: the needed sensors are assumed, and this one was not heard of.
	simUnheard
	// simElsewhere: the sensor's clock was off by more than the skew that is tolerated,
	// and its node not needed: no pod of the namespace was there in the window.
	simElsewhere
	// simSourceless: no snapshot of the sensor's system calls was ever heard, but
	// some of its second event source.
	simSourceless
	// simTolerated: the policy tolerates any number of dropped kernel events.
	simTolerated
	// simUncounted: the level is heard, and the sensor did not report how many
	// alerts it had raised.
	simUncounted
	// simShortStall: the capture was stalled for less than a silence takes.
	simShortStall
	// simOvertaken: as many of the same rule overtook every confirming snapshot
	// as were lost before it.
	simOvertaken
	// simUnlisted: as many of any rules came that were not raised, or overtook:
	// the rules were not known.
	simUnlisted
	// simMadeUp: as many alerts of the same rule came that the engine had not
	// raised in this run.
	simMadeUp
	// simLatecomer: an alert came after a snapshot that counts it, and stands in
	// for one of the same rule that was lost after that.
	simLatecomer
	// simOpen: the level is heard, the account is not closed yet, and as many or
	// more overtook the last snapshots as were lost.
	simOpen
	// simDelayed: the clock was ahead, and every snapshot from the window up to a
	// silence behind it was as late.
	simDelayed
	// simBetween: the clock was off between two snapshots only.
	simBetween
	// simHidden: the clock was behind and was set forward, and that looked like the
	// end of a delay.
	simHidden
	// simSlewed: the clock was behind, and was slewed until it was not, within the
	// hour in which that might have been a backlog.
	simSlewed
	simClasses
)

var simClassNames = [simClasses]string{
	"none", "sensor not heard of", "clock off, on a node that is not needed", "event source not heard of", "kernel drops tolerated", "heard, not counted", "stall shorter than a silence",
	"overtaken at every confirming snapshot", "made up for, rules not known", "made up for by alerts not raised",
	"made up for by a latecomer", "heard, overtaken at the last snapshot", "clock ahead, messages as late",
	"clock off between two snapshots only", "clock set forward, like the end of a delay", "clock slewed within the hour",
}

// excuse says which class explains that an event was not seen, or none. What is
// known of clocks comes last, as it explains much.
func (s *simulation) excuse(i int32, ask *simAsk, level Evidence, sensors []string) simClass {
	if class := s.explain(i, ask, level, sensors); class != simNoExcuse {
		return class
	}
	return s.excuseClock(&s.truth[i], ask)
}

// explain is excuse without clocks.
func (s *simulation) explain(i int32, ask *simAsk, level Evidence, sensors []string) simClass {
	t := &s.truth[i]
	switch {
	case !slices.Contains(sensors, simHosts[t.sensor]):
		switch {
		case ask.placed && t.pod > 0 && !s.wasIn(t.space, t.sensor, ask.start-ask.skew, ask.end+ask.skew):
			return simElsewhere
		case !ask.listed && ask.sensor < 0 && !ask.placed && !s.heardLately(t.sensor):
			return simUnheard
		}
	case s.h.sensors[t.sensor].audit && len(s.readingsOf(t.sensor)) == 0:
		return simSourceless
	case t.fate == simDropped:
		if ask.ratio >= 1 {
			return simTolerated
		}
	case t.fate == simStalled:
		return s.excuseStall(t)
	case t.copies == 0 && t.fate.raised():
		return s.excuseLoss(i, level)
	}
	return simNoExcuse
}

// heardLately reports whether the log holds a record of the sensor that is not
// older than the retention.
func (s *simulation) heardLately(sensor uint8) bool {
	for i := range s.log.records {
		r := &s.log.records[i]
		if r.Body.Sensor() == simHosts[sensor] && (s.h.limits.Retention <= 0 || s.state.Logged().Sub(r.Logged) < s.h.limits.Retention) {
			return true
		}
	}
	return false
}

// excuseStall explains an event that a stalled capture did not see: the
// snapshots around it are no further apart than usual allows.
func (s *simulation) excuseStall(t *simTruth) simClass {
	var usual []int64 // between two snapshots of a run, but for the first two
	list := s.readingsOf(t.sensor)
	around := int64(-1)
	for i := 1; i < len(list); i++ {
		before, after := list[i-1], list[i]
		distance := after.stamp - before.stamp
		if before.run != after.run {
			continue
		}
		if before.at <= t.event && t.event < after.at {
			around = distance
		}
		if i >= 2 && list[i-2].run == before.run && distance > 0 {
			usual = append(usual, distance)
		}
		if around >= 0 && len(usual) >= 3 {
			last := slices.Clone(usual[max(0, len(usual)-7):])
			slices.Sort(last)
			median := last[(len(last)-1)/2]
			if around <= max(3*median, median+int64(2*time.Second)) {
				return simShortStall
			}
			return simNoExcuse
		}
	}
	return simNoExcuse
}
