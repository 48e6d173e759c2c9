package correlate

import (
	"math"
	"slices"
)

// keptRecent is how many alerts are remembered to tell how many may have
// overtaken a snapshot; the most that was seen are 23.
const keptRecent = 32

// closing is a snapshot at which the account closes, or would if it were
// confirmed.
type closing struct {
	at               int64 // 0: there is none
	received, raised uint64
	queueDrops       Counter
	late             int64
}

// lose closes the account at a snapshot at which alerts are missing.
func (a *account) lose(s *Snapshot, t int64, rs *ruleset, quiet bool, missing uint64, lost []ruleLoss) flaws {
	if !a.base.certain && a.base.otherwise != flawMissing {
		// What looks lost may have overtaken the base.
		return a.close(s, t, tally{flaws: a.base.otherwise}, rs, quiet)
	}
	a.tallies.taint(a.base.doubtful(), flawMissing)
	var byRule uint64
	for _, l := range lost {
		byRule += l.missing
	}
	// By rule it is known what is missing, whatever has overtaken this snapshot: the
	// old o less that is as good as a quiet snapshot's. But what is above it must have
	// overtaken, or it is a surplus, which makes up for nothing.
	o := a.base.o - int64(byRule)
	exact := byRule == missing && a.o(s)-o <= a.near(t)
	offsets := slices.Clone(a.base.offsets)
	found := a.close(s, t, tally{flaws: flawMissing, missing: missing, lost: a.named(lost)}, rs, quiet)
	if exact {
		a.base.o, a.base.certain, a.base.offsets = o, true, offsets
		for _, l := range lost {
			a.base.offset(l.rule, -int64(l.missing))
		}
	}
	return found
}

// missed begins the tally of a span that ends with fresh flaws. The clock says
// nothing about the counters: a loss that shows now is one, and takes back what busy
// snapshots have closed before.
func (a *account) missed(s *Snapshot, rs *ruleset, fresh flaws) tally {
	sum := tally{flaws: fresh}
	if fresh != flawClock || !a.base.certain || !a.base.counted || !s.MatchesTotal.Reported {
		return sum
	}
	fell, lost := a.fallen(s, rs)
	if sum.missing = max(fell, uint64(max(a.base.o-a.o(s), 0))); sum.missing > 0 {
		sum.flaws |= flawMissing
		sum.lost = a.named(lost)
		a.tallies.taint(a.base.doubtful(), flawMissing)
	}
	return sum
}

// near is how many alerts at most may have overtaken a snapshot at t: those of the
// latest that are dated close before it, or after it. One that is dated far ahead
// keeps snapshots from being quiet until others have come, so that it takes a second
// snapshot to close the account.
func (a *account) near(t int64) (n int64) {
	for _, at := range a.recent {
		if at >= t-quietBefore {
			n++
		}
	}
	if n == keptRecent {
		return math.MaxInt64
	}
	return n
}

// advance closes the account at a snapshot with the base's o; soft says that it
// was not quiet. It returns the flaws that there are nevertheless.
func (a *account) advance(to closing, soft bool) flaws {
	sum := tally{
		from: a.base.at, to: to.at, received: to.received - a.base.received, raised: to.raised - min(to.raised, a.base.raised),
		queueDrops: risenBy(to.queueDrops, a.base.queueDrops), late: to.late, soft: soft,
	}
	if sum.queueDrops > 0 {
		sum.flaws = flawQueueDrops
	}
	a.tallies.add(sum)
	a.stats.add(&sum)
	a.base.at, a.base.received, a.base.raised, a.base.queueDrops = to.at, to.received, to.raised, to.queueDrops
	return sum.flaws
}

// harden makes what busy snapshots have closed as good as what the quiet one has
// that follows them.
func (a *account) harden() {
	spans := a.tallies.spans
	i := len(spans)
	for i > 0 && spans[i-1].soft { // mutate: equivalent, to add those that are not is only slower
		i--
	}
	if i == len(spans) { // mutate: equivalent, it is only faster
		return
	}
	soft := append([]tally(nil), spans[i:]...)
	a.tallies.spans = spans[:i]
	for _, s := range soft {
		s.soft = false
		a.tallies.add(s)
	}
}

// close closes the account with a flaw, begins it anew, and returns all flaws of
// what it closed.
func (a *account) close(s *Snapshot, t int64, sum tally, rs *ruleset, quiet bool) flaws {
	sum.from, sum.to, sum.late = a.base.at, t, max(a.late0, a.holds.late)
	sum.received = a.received - a.base.received
	if !sum.flaws.has(flawRestarted) && a.base.counted {
		sum.raised = risenBy(s.MatchesTotal, Counter{N: a.base.raised})
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
	switch {
	case sum.flaws.has(flawRestarted | flawUncounted | flawClock):
		otherwise = flawRestarted
	case sum.flaws.has(flawMiscounted):
		otherwise = flawMiscounted
	}
	a.rebase(s, t, rs, quiet, otherwise)
	return sum.flaws
}
