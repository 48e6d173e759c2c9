package verifier

import "slices"

// simStep is the least step of a clock that can be told from the jitter of
// snapshots.
const simStep = simSecond / 4

// readingsOf are the snapshots of a sensor's system calls in the log, each once,
// without those that later ones overtook.
func (s *simulation) readingsOf(sensor uint8) (list []*simReading) {
	for i := range s.log.records {
		r := s.log.records[i].reading
		if r == nil || r.sensor != sensor || r.source != 0 || len(list) > 0 && r.at <= list[len(list)-1].at {
			continue
		}
		list = append(list, r)
	}
	return list
}

// excuseClock explains that a clock was off by more than is tolerated, so that
// what is proven is another time than the one that was asked about.
func (s *simulation) excuseClock(t *simTruth, ask *simAsk) simClass {
	offset := t.stamp - t.event
	if max(offset, -offset) <= ask.off() {
		return simNoExcuse
	}
	list := s.readingsOf(t.sensor)
	seen, late, slewed := false, true, false
	for _, r := range list {
		off := r.stamp - r.at
		if max(off-offset, offset-off) < simStep {
			seen = true
			near := r.stamp >= ask.start && r.stamp < ask.end+simSecond+3*s.h.sensors[t.sensor].interval
			late = late && (r.logged-r.at >= offset-ask.off() || !near)
		}
		slewed = slewed || r.at > t.event && off >= -ask.off()
	}
	switch {
	case !seen:
		return simBetween
	case offset > 0 && late:
		return simDelayed
	case offset < 0 && slewed && s.h.sensors[t.sensor].slew > 0:
		return simSlewed
	case offset < 0 && stepHidden(list, t.event):
		return simHidden
	}
	return simNoExcuse
}

// stepHidden reports whether the first step forward of a clock after an event can't
// be told from the end of a delay, by the snapshots around it: a delay began with
// it; or they are no further apart by the sensor's clock than others were; or the
// first of them is the first of its run, which the next follows at no set time; or
// the others come irregularly, and these two came almost together.
func stepHidden(list []*simReading, event int64) bool {
	for i := 1; i < len(list); i++ {
		before, after := list[i-1], list[i]
		passed, logged := after.stamp-before.stamp, after.logged-before.logged
		if after.at < event || passed-(after.at-before.at) < simStep {
			continue
		}
		var all []int64 // distances before it
		least, most := int64(1<<62), int64(0)
		for k := 2; k < min(len(list), i+3); k++ {
			d := list[k].stamp - list[k-1].stamp
			if d <= 0 || k == i {
				continue
			}
			if k < i {
				all = append(all, d)
			}
			if k >= i-7 {
				least, most = min(least, d), max(most, d)
			}
		}
		slices.Sort(all)
		switch {
		case i == 1, list[i-2].run != before.run, logged >= passed-simStep, passed <= least+simStep:
			return true
		case len(all) > 0 && passed <= all[0]+simStep:
			return true
		}
		irregular := most-least > 2*simStep || len(all) < 2 || all[1]-all[0] > max(simStep, all[0]/8)
		return irregular && 4*logged <= passed+simStep
	}
	return false
}
