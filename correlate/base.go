package correlate

// base is the snapshot up to which a sensor's account is closed, and what the
// next ones are compared with.
type base struct {
	at         int64   // 0: there is none
	firm       int64   // the last quiet snapshot with the same o; what was closed later rests on busy ones
	soft       []int64 // the latest of those, at most keptSoft
	o          int64   // R - M, less what is known to have overtaken it
	offsets    []int64 // likewise by rule
	byRule     bool    // offsets are known
	counted    bool    // the sensor reports how many alerts it raised
	certain    bool    // no alert had overtaken it
	otherwise  flaws   // what a lower o at the next snapshot means when it is not certain
	queueDrops Counter

	received, raised uint64 // for the figures of the span that follows
}

// keptSoft is how many spans that busy snapshots have closed a loss reopens. In
// the recordings one busy snapshot in eight was overtaken: for a loss to have hidden
// behind more than these, as many alerts of its rule must have overtaken each.
const keptSoft = 4

// confirm notes that busy snapshots have closed the account at an instant.
func (b *base) confirm(at int64) {
	if len(b.soft) == keptSoft {
		b.soft = append(b.soft[:0], b.soft[1:]...)
	}
	b.soft, b.certain = append(b.soft, at), true
}

// doubtful is from when on it is not known when alerts were lost whose loss shows
// now.
func (b *base) doubtful() int64 {
	if len(b.soft) == keptSoft {
		return b.soft[0]
	}
	return b.firm
}

// ruleLoss is how many alerts of a rule are missing.
type ruleLoss struct {
	rule    uint32
	missing uint64
}

// offset changes a rule's offset.
func (b *base) offset(rule uint32, by int64) {
	for int(rule) >= len(b.offsets) {
		b.offsets = append(b.offsets, 0)
	}
	b.offsets[rule] += by
}

// o is R - M at a snapshot.
func (a *account) o(s *Snapshot) int64 { return int64(a.received) - int64(s.MatchesTotal.N) }

// rebase makes the snapshot the base.
func (a *account) rebase(s *Snapshot, t int64, rs *ruleset, quiet bool, otherwise flaws) {
	a.base = base{
		at: t, firm: t, soft: a.base.soft[:0], o: a.o(s), offsets: a.base.offsets[:0], counted: s.MatchesTotal.Reported, certain: quiet, otherwise: otherwise,
		queueDrops: s.QueueDrops, received: a.received, raised: s.MatchesTotal.N,
	}
	if rs != nil {
		a.countByRule(s, rs)
	}
	a.holds, a.late0, a.risen, a.quiet = closing{}, 0, 0, 0
}

// countByRule takes the base's offsets by rule from a snapshot with its o.
func (a *account) countByRule(s *Snapshot, rs *ruleset) {
	a.sumByRule(s, rs)
	a.base.byRule, a.base.offsets = true, a.base.offsets[:0]
	for rule := range max(len(a.byRule), len(a.scratch)) {
		a.base.offsets = append(a.base.offsets, int64(countOf(a.byRule, rule))-int64(countOf(a.scratch, rule)))
	}
}

// fallen is how many alerts are missing by the counters of single rules, and of
// which. A rule whose counter does not rise with its alerts, such as one of two
// with the same name to Falco, is not among them.
func (a *account) fallen(s *Snapshot, rs *ruleset) (sum uint64, lost []ruleLoss) {
	if rs == nil || !a.base.byRule {
		return 0, nil
	}
	a.sumByRule(s, rs)
	for rule, raised := range a.scratch {
		var before int64
		if rule < len(a.base.offsets) {
			before = a.base.offsets[rule]
		}
		o := int64(countOf(a.byRule, rule)) - int64(raised)
		if o >= before {
			continue
		}
		sum += uint64(before - o)
		lost = append(lost, ruleLoss{uint32(rule), uint64(before - o)})
	}
	return sum, lost
}

// named are the losses with the names of their counters, as far as a tally names
// them.
func (a *account) named(lost []ruleLoss) (names []RuleLoss) {
	for _, l := range lost[:min(len(lost), maxLost)] {
		names = append(names, RuleLoss{a.names.keys[l.rule], l.missing})
	}
	return names
}

// sumByRule writes the snapshot's counters by rule into scratch.
func (a *account) sumByRule(s *Snapshot, rs *ruleset) {
	clear(a.scratch)
	for i, rule := range rs.rules[:min(len(rs.rules), len(s.RuleMatches))] {
		if int(rule) >= len(a.scratch) {
			a.scratch = append(a.scratch, make([]uint64, int(rule)+1-len(a.scratch))...)
		}
		a.scratch[rule] += s.RuleMatches[i]
	}
}

func countOf(counts []uint64, i int) uint64 {
	if i >= len(counts) {
		return 0
	}
	return counts[i]
}

// risenBy is how much a counter rose; one that is not reported is zero.
func risenBy(now, before Counter) uint64 { return now.N - min(now.N, before.N) }
