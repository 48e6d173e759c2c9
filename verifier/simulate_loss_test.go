package verifier

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
		fell, ok := base.carried(list[from+1 : first])
		if !ok {
			continue
		}
		for at := first; at < len(list) && list[at].level(&base) >= 0; at++ {
			p := &list[at]
			if p.level(&base) > 0 {
				continue
			}
			var next *simPoint
			if !p.quiet {
				if next = base.confirming(p, list[at+1:]); next == nil || base.revealed(list[at:]) {
					continue
				}
			}
			if class := s.madeUp(t, &list[from], p, next); class != simNoExcuse {
				return class
			}
			if fell == nil {
				continue
			}
			if class := s.madeUp(t, fell, p, next); class != simNoExcuse {
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

// confirming is the first of the points behind one that stands where the base does
// again, too late to be overtaken by the same alerts; nil where one stands lower
// before.
func (p *simPoint) confirming(point *simPoint, list []simPoint) *simPoint {
	for i := range list {
		switch level := list[i].level(p); {
		case level < 0:
			return nil
		case level == 0 && list[i].stamp >= point.stamp+250*simMilli:
			return &list[i]
		}
	}
	return nil
}

// revealed reports whether the loss showed soon after the points that confirmed
// that there was none: then these count no more. It does not show where the
// account has begun anew before, after a surplus.
func (p *simPoint) revealed(list []simPoint) bool {
	confirmed, risen, quiet := 0, 0, 0
	for i := range list {
		level := list[i].level(p)
		switch {
		case level < 0:
			return confirmed <= 4
		case level > 0:
			risen++
			quiet += simIf(list[i].quiet, 1, 0)
			if risen >= 6 || quiet >= 2 {
				return false
			}
			continue
		case list[i].quiet:
			return false
		}
		confirmed++
		risen, quiet = 0, 0
	}
	return false
}

// carried takes the point's offsets along over others up to a loss: where alerts
// of some rules are missing at one that is not quiet, those are taken off and the
// rest stays. It returns the last such point, if there is one, and false where the
// offsets begin anew.
func (p *simPoint) carried(over []simPoint) (fell *simPoint, ok bool) {
	for i := range over {
		if over[i].level(p) >= 0 {
			continue
		}
		if over[i].quiet {
			return nil, false
		}
		fell = &over[i]
		for rule := range p.received {
			p.received[rule] += min(fell.offset(rule)-p.offset(rule), 0)
		}
	}
	return fell, true
}

// madeUp says what made up for a loss at a point, and at the next, which had to
// confirm it where the point was not quiet.
func (s *simulation) madeUp(t *simTruth, base, p, next *simPoint) simClass {
	first := s.cause(t.rule, base, p)
	if next == nil {
		overtaken := first == simOvertaken || first == simUnlisted && p.overtook != [simRules]int64{}
		return simIf(overtaken, simNoExcuse, first) // none can have overtaken it
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
	case listed:
		return simNoExcuse
	case p.extras() > base.extras():
		return simUnlisted
	}
	for other := range uint8(simRules) {
		if s.cameLate(other, base, p) {
			return simUnlisted
		}
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
