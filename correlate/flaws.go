package correlate

import "time"

// flaws are what keeps a span from being proof.
type flaws uint16

const (
	flawRestarted     flaws = 1 << iota // another run, or counters that went backwards
	flawRunUnknown                      // the sensor does not say which run it is
	flawSilent                          // no snapshot for too long, or no events by Falco's own word
	flawKernelDrops                     // scap.n_drops rose, or a drop message came
	flawKernelUnknown                   // scap.n_drops is not reported
	flawRulesChanged                    // the digests of the rules files changed
	flawClock                           // the clock went backwards, or was far ahead of the log
	flawMissing                         // alerts were raised and did not arrive
	flawMiscounted                      // more alerts arrived than were raised
	flawQueueDrops                      // falco.outputs_queue_num_drops rose
	flawUncounted                       // falco.rules.matches_total is not reported
)

// has reports whether any of the given flaws is among f.
func (f flaws) has(any flaws) bool { return f&any != 0 }

// beat is a span between snapshots of one event source: whether the engine was
// watching.
type beat struct {
	from, to int64
	flaws    flaws
	segment  uint32   // spans of one segment have the same clock
	rules    *ruleset // loaded; nil when not known
	distance int64    // the least of log time less snapshot time at their ends, in nanoseconds
	farthest int64    // the greatest of them
	ahead    int64    // the least at both ends: below zero the clock was ahead, whatever the delay
	drops    uint64   // kernel events dropped
	events   uint64   // kernel events seen meanwhile
	ratio    float64  // the worst of drops to events between two snapshots
}

func (b beat) bounds() (from, to int64) { return b.from, b.to }

func (b beat) starting(from int64) beat {
	b.from, b.drops, b.events = from, 0, 0
	return b
}

func (b beat) ending(to int64) beat {
	b.to = to
	return b
}

func (b beat) like(next beat) bool {
	// A clock that is slewed, or a delay, must not be hidden among others.
	steady := max(b.farthest, next.farthest)-min(b.distance, next.distance) <= stepLeast &&
		max(b.ahead, next.ahead)-min(b.ahead, next.ahead) <= stepLeast
	return b.flaws == next.flaws && b.segment == next.segment && b.rules == next.rules && steady
}

func (b beat) joined(next beat) beat {
	b.to = next.to
	b.flaws |= next.flaws
	b.drops += next.drops
	b.events += next.events
	b.ratio = max(b.ratio, next.ratio)
	if b.segment != next.segment {
		// The older one's clock is not judged any more.
		b.flaws |= flawClock
		b.segment = next.segment
	}
	b.distance, b.farthest = min(b.distance, next.distance), max(b.farthest, next.farthest)
	b.ahead = min(b.ahead, next.ahead)
	if b.rules != next.rules {
		b.rules = nil
	}
	return b
}

func (b beat) tainted(f flaws) beat {
	b.flaws |= f
	return b
}

// tally is a span between snapshots at which a sensor's account was closed:
// whether what the engine raised has arrived.
type tally struct {
	from, to   int64
	flaws      flaws
	raised     uint64     // alerts, by the sensor's counters
	received   uint64     // alerts, deduplicated
	missing    uint64     // of those raised
	surplus    uint64     // received beyond those raised
	queueDrops uint64     // that Falco itself reports
	late       int64      // the most that an alert was older than a snapshot before it, in nanoseconds
	lost       []RuleLoss // the missing by rule, where that is known
	soft       bool       // closed by busy snapshots, and by no quiet one since
}

// RuleLoss is how many alerts of a rule are missing.
type RuleLoss struct {
	Rule    string // as its counter is named
	Missing uint64
}

// usuallyLate is how late alerts are where nothing is wrong: 16 ms at most in
// the recordings. Later ones get a span of their own, since it is a question's
// settling margin that decides whether they are a gap.
const usuallyLate = int64(100 * time.Millisecond)

// maxLost bounds the rules that a tally names.
const maxLost = 8

func (t tally) bounds() (from, to int64) { return t.from, t.to }

func (t tally) starting(from int64) tally {
	t.from, t.raised, t.received, t.missing, t.surplus, t.queueDrops, t.lost = from, 0, 0, 0, 0, 0, nil
	return t
}

func (t tally) ending(to int64) tally {
	t.to = to
	return t
}

func (t tally) like(next tally) bool {
	return t.flaws == next.flaws && t.soft == next.soft && (t.late > usuallyLate) == (next.late > usuallyLate)
}

func (t tally) joined(next tally) tally {
	t.to = next.to
	t.flaws |= next.flaws
	t.raised += next.raised
	t.received += next.received
	t.missing += next.missing
	t.surplus += next.surplus
	t.queueDrops += next.queueDrops
	t.late = max(t.late, next.late)
	t.soft = t.soft || next.soft
	t.lost = joinLosses(t.lost, next.lost)
	return t
}

func (t tally) tainted(f flaws) tally {
	t.flaws |= f
	return t
}

// joinLosses adds up what two lists say of each rule. Neither list is changed.
func joinLosses(a, b []RuleLoss) []RuleLoss {
	if len(b) == 0 { // mutate: equivalent, it is only faster
		return a
	}
	sum := append([]RuleLoss(nil), a...)
next:
	for _, l := range b {
		for i := range sum {
			if sum[i].Rule == l.Rule {
				sum[i].Missing += l.Missing
				continue next
			}
		}
		if len(sum) < maxLost {
			sum = append(sum, l)
		}
	}
	return sum
}
