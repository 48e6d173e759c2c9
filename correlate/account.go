package correlate

import "time"

// quietBefore is how long before a snapshot there must have been no alert for
// the snapshot to be quiet: then none can have overtaken it on the way through
// Falco. In the recordings 250 ms gave no false alarm and missed no loss.
const quietBefore = int64(250 * time.Millisecond)

// account compares the alerts that a sensor says it has raised with those that
// were received.
//
// With R received, M raised, v alerts that overtook a snapshot and are not in
// its M, and L lost: o = R - M = v - L. L never falls and v is never negative, so
// between two snapshots of a run an o that fell proves a loss; and an o that is
// the same at two snapshots with v = 0 proves that there was none. A quiet
// snapshot has v = 0. On a sensor that is never quiet the same o, in total and
// for every rule, at two snapshots in a row after the span's start closes it:
// for a loss to hide there, as many alerts of the same rule must have overtaken
// both.
type account struct {
	names *ruleNames
	stats *ProofStats

	received uint64   // alerts, deduplicated
	byRule   []uint64 // of these, by rule
	latest   int64    // the latest event time of an alert since the last snapshot
	late     int64    // the most that an alert since then was older than that snapshot
	snapshot int64    // when that was taken, 0 before the first
	run      Run
	raised   Counter // M of the last snapshot
	counted  uint64  // received at the last snapshot
	before   uint64  // received before the run

	base    base
	holds   candidate // the last snapshot with the base's o that was not quiet
	late0   int64     // as late, since the base or the candidate
	risen   bool      // the last quiet snapshot had a greater o than the base
	noted   flaws     // by alerts since the last snapshot
	tallies timeline[tally]
	scratch []uint64
}

// base is the snapshot up to which the account is closed.
type base struct {
	at               int64 // 0: there is none
	received, raised uint64
	recvByRule       []uint64
	raisedByRule     []uint64
	byRule           bool  // raisedByRule is known
	counted          bool  // the sensor reports how many alerts it raised
	certain          bool  // no alert had overtaken it
	otherwise        flaws // what a lower o at the next snapshot means when it is not certain
	queueDrops       Counter
}

// candidate is a snapshot at which the account would close if it had been quiet.
type candidate struct {
	at               int64 // 0: there is none
	received, raised uint64
	queueDrops       Counter
	late             int64
}

// alert counts an alert that was received for the first time.
func (a *account) alert(rule uint32, t int64) {
	a.received++
	if int(rule) >= len(a.byRule) {
		a.byRule = append(a.byRule, make([]uint64, int(rule)+1-len(a.byRule))...)
	}
	a.byRule[rule]++
	a.latest = max(a.latest, t)
	a.late = max(a.late, a.snapshot-t)
}

// take takes in a snapshot, and returns the flaws of the span that it closes.
// Fresh are flaws that make it the first of a new account: a clock or a counter
// that went backwards.
func (a *account) take(s *Snapshot, t int64, rs *ruleset, fresh flaws) (found flaws) {
	if fresh == 0 && s.Run == a.run && t <= a.snapshot {
		return 0 // of another source, and overtaken by a later one
	}
	quiet := a.latest < t-quietBefore
	a.late0 = max(a.late0, a.late)
	fresh |= a.noted
	a.latest, a.late, a.noted, a.snapshot = 0, 0, 0, t
	switch {
	case a.base.at == 0:
		a.rebase(s, t, rs, quiet, flawRestarted)
	case s.Run != a.run || behind(s.MatchesTotal, a.raised):
		a.before = a.counted
		found = a.close(s, t, tally{flaws: flawRestarted | fresh}, rs, quiet)
	case fresh != 0:
		found = a.close(s, t, tally{flaws: fresh}, rs, quiet)
	case !s.MatchesTotal.Reported || !a.base.counted:
		found = a.close(s, t, tally{flaws: flawUncounted}, rs, quiet)
	default:
		found = a.compare(s, t, rs, quiet)
	}
	a.run, a.raised, a.counted = s.Run, s.MatchesTotal, a.received
	return found
}

// offset is o = R - M at the last snapshot, where R counts from the run's start
// on, and whether the sensor reports M.
func (a *account) offset() (o int64, reported bool) {
	return int64(a.counted-a.before) - int64(a.raised.N), a.raised.Reported
}

// compare holds the snapshot's o against the base's, and returns the flaws of the
// span that it closes.
func (a *account) compare(s *Snapshot, t int64, rs *ruleset, quiet bool) flaws {
	received, raised := a.received-a.base.received, s.MatchesTotal.N-a.base.raised
	fell, lost := a.fallen(s, rs)
	if raised > received {
		fell = max(fell, raised-received)
	}
	switch {
	case fell > 0:
		sum := tally{flaws: flawMissing, missing: fell, lost: lost}
		if !a.base.certain && a.base.otherwise != flawMissing {
			// What looks lost may have overtaken the base.
			sum = tally{flaws: a.base.otherwise}
		}
		return a.close(s, t, sum, rs, quiet)
	case received > raised:
		// Some overtook this one; one that can't have been overtaken is given a
		// second chance, since the engine may have been slow.
		if quiet && a.risen {
			return a.close(s, t, tally{flaws: flawMiscounted, surplus: received - raised}, rs, quiet)
		}
		a.risen = quiet
	case quiet:
		a.base.certain = true
		found := a.advance(candidate{t, a.received, s.MatchesTotal.N, s.QueueDrops, max(a.late0, a.holds.late)})
		a.holds, a.late0 = candidate{}, 0
		return found
	default:
		here := candidate{t, a.received, s.MatchesTotal.N, s.QueueDrops, a.late0}
		before := a.holds
		a.holds, a.late0, a.risen = here, 0, false
		if before.at > 0 {
			a.base.certain = true
			return a.advance(before)
		}
	}
	return 0
}

// fallen is how many alerts are missing by the counters of single rules, and of
// which. A rule whose counter does not rise with its alerts, such as one of two
// with the same name to Falco, is not among them.
func (a *account) fallen(s *Snapshot, rs *ruleset) (sum uint64, lost []RuleLoss) {
	if rs == nil || !a.base.byRule {
		return 0, nil
	}
	a.sumByRule(s, rs)
	for rule, raised := range a.scratch {
		if rule == otherRule {
			continue
		}
		received := countOf(a.byRule, rule) - countOf(a.base.recvByRule, rule)
		raised -= min(raised, countOf(a.base.raisedByRule, rule))
		if raised <= received {
			continue
		}
		sum += raised - received
		if len(lost) < maxLost {
			lost = append(lost, RuleLoss{a.names.keys[rule], raised - received})
		}
	}
	return sum, lost
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

// advance closes the account without a flaw at a snapshot with the base's o. The
// base's counts by rule stay: their differences are still the same. It returns
// the flaws that there are nevertheless.
func (a *account) advance(to candidate) flaws {
	sum := tally{
		from: a.base.at, to: to.at, received: to.received - a.base.received, raised: to.raised - a.base.raised,
		queueDrops: risenBy(to.queueDrops, a.base.queueDrops), late: to.late,
	}
	if sum.queueDrops > 0 {
		sum.flaws = flawQueueDrops
	}
	a.tallies.add(sum)
	a.stats.add(&sum)
	a.base.at, a.base.received, a.base.raised, a.base.queueDrops = to.at, to.received, to.raised, to.queueDrops
	a.risen = false
	return sum.flaws
}

// close closes the account with a flaw, begins it anew, and returns all flaws of
// what it closed.
func (a *account) close(s *Snapshot, t int64, sum tally, rs *ruleset, quiet bool) flaws {
	sum.from, sum.to, sum.late = a.base.at, t, max(a.late0, a.holds.late)
	sum.received = a.received - a.base.received
	if !sum.flaws.has(flawRestarted) && a.base.counted && s.MatchesTotal.Reported {
		sum.raised = s.MatchesTotal.N - a.base.raised
	}
	if sum.queueDrops = risenBy(s.QueueDrops, a.base.queueDrops); sum.queueDrops > 0 && !sum.flaws.has(flawRestarted) {
		sum.flaws |= flawQueueDrops
	}
	if t < sum.from {
		a.tallies.taint(t, sum.flaws)
	} else {
		a.tallies.add(sum)
	}
	a.stats.add(&sum)
	otherwise := flawMissing
	if sum.flaws.has(flawRestarted | flawUncounted | flawClock) {
		otherwise = flawRestarted
	}
	a.rebase(s, t, rs, quiet, otherwise)
	return sum.flaws
}

// risenBy is how much a counter rose; one that is not reported is zero.
func risenBy(now, before Counter) uint64 { return now.N - min(now.N, before.N) }

// rebase makes the snapshot the one that the next are compared with.
func (a *account) rebase(s *Snapshot, t int64, rs *ruleset, quiet bool, otherwise flaws) {
	b := base{
		at: t, received: a.received, raised: s.MatchesTotal.N, counted: s.MatchesTotal.Reported,
		certain: quiet, otherwise: otherwise, queueDrops: s.QueueDrops,
		recvByRule: append(a.base.recvByRule[:0], a.byRule...), raisedByRule: a.base.raisedByRule[:0],
	}
	if rs != nil {
		a.sumByRule(s, rs)
		b.raisedByRule, b.byRule = append(b.raisedByRule, a.scratch...), true
	}
	a.base, a.holds, a.late0, a.risen = b, candidate{}, 0, false
}
