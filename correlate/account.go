package correlate

import "time"

const (
	// quietBefore is how long before a snapshot there must have been no alert for
	// the snapshot to be quiet: then none can have overtaken it on the way through
	// Falco. In the recordings 250 ms gave no false alarm and missed no loss.
	quietBefore = int64(250 * time.Millisecond)
	// An o that rose comes back with the next snapshots when alerts have overtaken
	// one. It is a surplus when it has not come back at the second that is quiet,
	// or at the sixth in a row: in the recordings one in eight was overtaken.
	surplusQuiet = 2
	surplusAny   = 6
)

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

	received uint64            // alerts, deduplicated
	byRule   []uint64          // of these, by rule
	recent   [keptRecent]int64 // event times of the latest alerts, a ring
	late     int64             // the most that an alert since the last snapshot was older than that
	snapshot int64             // when the last was taken, 0 before the first
	run      Run
	previous Run     // the run before
	since    int64   // when the run's first snapshot was taken; 0 when the run was not heard from its start
	raised   Counter // M of the last snapshot
	counted  uint64  // received at the last snapshot
	before   uint64  // received before the run

	base    base
	holds   closing // the last snapshot with the base's o that was not quiet
	late0   int64   // as late, since the base or what holds
	risen   int     // snapshots in a row with a greater o than the base
	quiet   int     // of these, quiet ones
	rose    int64   // when the last of these was taken
	noted   flaws   // by alerts since the last snapshot
	tallies timeline[tally]
	scratch []uint64

	alternated uint64 // how often the run before came back
}

// alert counts an alert that was received for the first time.
func (a *account) alert(rule uint32, t int64) {
	a.received++
	if int(rule) >= len(a.byRule) {
		a.byRule = append(a.byRule, make([]uint64, int(rule)+1-len(a.byRule))...) // mutate: equivalent, more room changes nothing
	}
	a.byRule[rule]++
	a.recent[a.received%keptRecent] = t
	a.late = max(a.late, a.snapshot-t)
}

// take takes in a snapshot, and returns the flaws of the span that it closes.
// Fresh are flaws that make it the first of a new account: a clock or a counter
// that went backwards.
func (a *account) take(s *Snapshot, t int64, rs *ruleset, fresh flaws) (found flaws) {
	if fresh == 0 && s.Run == a.run && t <= a.snapshot {
		return 0 // of another source, and overtaken by a later one
	}
	quiet := a.near(t) == 0
	a.late0 = max(a.late0, a.late)
	fresh |= a.noted
	a.late, a.noted, a.snapshot = 0, 0, t
	switch {
	case a.base.at == 0:
		a.rebase(s, t, rs, quiet, flawRestarted)
	case s.Run != a.run:
		if s.Run == a.previous {
			a.alternated++
		}
		a.previous, a.since, a.before = a.run, t, a.counted
		found = a.close(s, t, tally{flaws: flawRestarted | fresh}, rs, quiet)
	case behind(s.MatchesTotal, a.raised):
		a.before = a.counted
		found = a.close(s, t, tally{flaws: flawRestarted | fresh}, rs, quiet)
	case fresh != 0:
		found = a.close(s, t, a.missed(s, rs, fresh), rs, quiet)
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
	here := closing{t, a.received, s.MatchesTotal.N, s.QueueDrops, max(a.late0, a.holds.late)}
	rose := a.o(s) - a.base.o
	fell, lost := a.fallen(s, rs)
	switch {
	case fell > 0 || rose < 0:
		return a.lose(s, t, rs, quiet, max(fell, uint64(max(-rose, 0))), lost)
	case rose > 0:
		if t-a.rose < quietBefore {
			return 0 // of another source, and overtaken by the same alerts
		}
		a.risen, a.rose = a.risen+1, t
		if quiet {
			a.quiet++
		}
		if a.quiet >= surplusQuiet || a.risen >= surplusAny {
			return a.close(s, t, tally{flaws: flawMiscounted, surplus: uint64(rose)}, rs, quiet)
		}
		return 0
	}
	a.risen, a.quiet = 0, 0
	if !a.base.byRule && rs != nil { // mutate: equivalent, where o is the same by rule its offsets are too
		a.countByRule(s, rs) // until now the record of the ruleset was missing
	}
	if quiet {
		a.harden()
		a.base.certain, a.base.soft, a.base.firm, a.holds, a.late0 = true, a.base.soft[:0], t, closing{}, 0
		return a.advance(here, false)
	}
	confirmed := a.holds
	if t-confirmed.at < quietBefore {
		// The same alerts may have overtaken both, as when several event sources
		// take theirs at once.
		return 0
	}
	here.late = a.late0
	a.holds, a.late0 = here, 0
	if confirmed.at == 0 {
		return 0
	}
	a.base.confirm(confirmed.at)
	return a.advance(confirmed, true)
}
