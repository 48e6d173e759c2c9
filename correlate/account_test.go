package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// books is an account with the counters of its sensor, for tests of the one thing
// after the other. Times are in seconds.
type books struct {
	account
	rules   *ruleset
	matches map[string]uint64
	drops   uint64
	run     Run
}

func newBooks(rules ...string) *books {
	names := newRuleNames()
	b := &books{account: account{names: names, stats: &ProofStats{}}, matches: map[string]uint64{}, run: Run{1, 1}}
	b.rules = newRuleset(&Ruleset{Rules: rules}, names)
	return b
}

func seconds(s float64) int64 { return epoch.UnixNano() + int64(s*float64(time.Second)) }

// raise has the engine raise an alert that arrives.
func (b *books) raise(rule string, at float64) {
	b.matches[rule]++
	b.arrive(rule, at)
}

// arrive has an alert arrive that the next snapshot does not count unless it was
// raised.
func (b *books) arrive(rule string, at float64) { b.alert(b.names.number(rule), seconds(at)) }

// snap takes a snapshot and returns the flaws of what it closes.
func (b *books) snap(at float64) flaws { return b.take(b.snapshotAt(), seconds(at), b.rules, 0) }

func (b *books) snapshotAt() *Snapshot {
	s := &Snapshot{Run: b.run, QueueDrops: Counter{b.drops, true}, MatchesTotal: Counter{Reported: true}}
	for _, n := range b.rules.rules {
		c := b.matches[b.names.keys[n]]
		s.RuleMatches = append(s.RuleMatches, c)
		s.MatchesTotal.N += c
	}
	return s
}

// closed is up to when the account is closed.
func (b *books) closed() int64 { return b.base.at }

// last is the last closed span.
func (b *books) last() tally { return b.tallies.spans[len(b.tallies.spans)-1] }

func TestQuietSnapshots(t *testing.T) {
	for _, tt := range []struct {
		at    float64 // of an alert before the snapshot at 10
		quiet bool
	}{{9.7499, true}, {9.75, false}, {9.9, false}, {10, false}, {10.01, false}} {
		b := newBooks("a")
		b.snap(5)
		b.raise("a", tt.at)
		b.snap(10)
		require.Equal(t, tt.quiet, b.closed() == seconds(10), tt.at)
		if tt.quiet {
			continue
		}
		// What was dated ahead does not keep the next from being quiet.
		require.Zero(t, b.snap(15))
		require.Equal(t, seconds(15.0), b.closed())
	}
}

func TestConfirmation(t *testing.T) {
	b := newBooks("a")
	b.snap(5)
	b.raise("a", 9.9)
	b.snap(10)
	require.Equal(t, seconds(5.0), b.closed(), "one that is not quiet needs another")
	b.raise("a", 10.2)
	b.snap(10.249)
	require.Equal(t, seconds(5.0), b.closed(), "not by one of the same moment")
	b.raise("a", 10.245)
	b.snap(10.25)
	require.Equal(t, seconds(10.0), b.closed(), "a quarter of a second later it confirms")
	require.True(t, b.last().soft)
	require.EqualValues(t, 1, b.last().received)
	require.EqualValues(t, 1, b.last().raised)
	b.snap(15)
	require.Equal(t, seconds(15.0), b.closed())
	require.Len(t, b.tallies.spans, 1)
	require.False(t, b.last().soft, "a quiet one makes good what busy ones closed")
	require.EqualValues(t, 3, b.last().received)
}

func TestOverlappingSources(t *testing.T) {
	b := newBooks("a")
	b.snap(5)
	b.raise("a", 7)
	b.snap(10)
	before := b.account
	b.matches["a"]++ // an older snapshot of another source can't be compared any more
	b.snap(10)
	b.snap(9.99)
	require.Equal(t, before.base.at, b.base.at)
	require.Len(t, b.tallies.spans, 1)
	require.EqualValues(t, 0, b.last().flaws)
	// But one whose clock was set back is, and one of another run.
	b.matches["a"]--
	require.Equal(t, flawClock, b.take(b.snapshotAt(), seconds(8), b.rules, flawClock))
	require.Equal(t, seconds(8.0), b.closed())
	require.Equal(t, []tally{{from: seconds(5), to: seconds(8), raised: 1, received: 1}, {from: seconds(8), to: seconds(10), flaws: flawClock}}, b.tallies.spans)
	b.snap(15)
	b.run = Run{9, 9}
	require.Equal(t, flawRestarted, b.snap(14.99))
}

func TestLoss(t *testing.T) {
	b := newBooks("a", "b")
	b.snap(5)
	b.matches["a"] += 2
	b.raise("b", 7)
	require.Equal(t, flawMissing, b.snap(10))
	require.Equal(t, tally{
		from: seconds(5), to: seconds(10), flaws: flawMissing, raised: 3, received: 1, missing: 2, lost: []RuleLoss{{"a", 2}},
		late: 0,
	}, b.last())
	require.EqualValues(t, 2, b.stats.Missing)
	require.Zero(t, b.snap(15), "it begins anew")
	require.Zero(t, b.last().flaws)
	o, known := b.offset()
	require.True(t, known)
	require.EqualValues(t, -2, o)
}

// A loss and an overtaking of different rules don't cancel out, and what is missing
// is named right, although the total is the same.
func TestLossBehindAnOvertaking(t *testing.T) {
	b := newBooks("a", "b")
	b.snap(5)
	b.matches["a"]++
	b.arrive("b", 9.9)
	require.Equal(t, flawMissing, b.snap(10))
	require.EqualValues(t, 1, b.last().missing)
	require.Equal(t, []RuleLoss{{"a", 1}}, b.last().lost)
	b.matches["b"]++ // now it is counted
	require.Zero(t, b.snap(15))
	require.Equal(t, seconds(15.0), b.closed())
	require.EqualValues(t, 1, b.stats.Missing)

	// At a quiet snapshot nothing has overtaken, so that what is too much is a
	// surplus and must not make up for what is lost later.
	b = newBooks("a", "b")
	b.snap(5)
	b.matches["a"]++
	b.arrive("b", 7)
	require.Equal(t, flawMissing, b.snap(10))
	b.matches["b"]++
	require.Equal(t, flawMissing, b.snap(15))
	require.Equal(t, []RuleLoss{{"a", 1}, {"b", 1}}, b.last().lost, "both in one span by now")

	// Nor can two have overtaken that came long before, though one came just now.
	b = newBooks("a", "b")
	b.snap(5)
	b.matches["a"]++
	b.arrive("b", 7)
	b.arrive("b", 9.9)
	require.Equal(t, flawMissing, b.snap(10))
	b.matches["b"] += 2
	require.Equal(t, flawMissing, b.snap(15))
}

// What busy snapshots have closed is reopened by a loss, as far back as the fourth
// before, or the last quiet one.
// A clock that is set does not keep a loss from showing.
func TestLossShowsWhenTheClockIsSet(t *testing.T) {
	lost := func(busy bool) *books {
		b := newBooks("a")
		b.snap(5)
		b.snap(10)
		b.matches["a"]++ // and never arrives
		for _, at := range []float64{15, 20} {
			if busy {
				b.arrive("a", at) // counted by the next one: it makes up for the loss
			}
			b.snap(at)
			if busy {
				b.matches["a"]++
			}
		}
		return b
	}
	b := lost(true)
	require.Equal(t, seconds(15), b.closed(), "two busy snapshots have closed the account")
	require.Equal(t, flawClock|flawMissing, b.take(b.snapshotAt(), seconds(18), b.rules, flawClock))
	for _, span := range b.tallies.spans[1:] {
		require.True(t, span.flaws.has(flawMissing))
	}
	require.EqualValues(t, 1, b.last().missing)
	require.Equal(t, []RuleLoss{{"a", 1}}, b.last().lost)

	// With nothing lost it is the clock alone, also where a counter can't tell.
	b = lost(false)
	require.Equal(t, flawClock, b.take(b.snapshotAt(), seconds(18), b.rules, flawClock), "it was found before")
	b.matches["a"]++
	require.Equal(t, flawClock|flawRestarted, b.take(b.snapshotAt(), seconds(17), b.rules, flawClock|flawRestarted))
	b.matches["a"]++
	snap := b.snapshotAt()
	snap.MatchesTotal.Reported = false
	require.Equal(t, flawClock, b.take(snap, seconds(16), nil, flawClock))
	b.matches["a"]++
	require.Equal(t, flawClock, b.take(b.snapshotAt(), seconds(15), b.rules, flawClock), "the one before did not count")
	b.arrive("a", 14)
	require.Equal(t, flawClock, b.take(b.snapshotAt(), seconds(14), b.rules, flawClock))
	b.matches["a"]++
	require.Equal(t, flawClock, b.take(b.snapshotAt(), seconds(13), b.rules, flawClock), "it may have overtaken the snapshot before")
}

func TestLossReopens(t *testing.T) {
	busy := func(b *books, from, to float64) {
		for at := from; at <= to; at += 5 {
			b.raise("a", at-0.1)
			b.snap(at)
		}
	}
	b := newBooks("a")
	b.snap(5)
	busy(b, 10, 20) // closed up to 15
	b.matches["a"]++
	b.raise("a", 24.9)
	require.Equal(t, flawMissing, b.snap(25))
	require.True(t, b.tallies.spans[0].flaws.has(flawMissing))
	require.Equal(t, seconds(5), b.tallies.begin())

	b = newBooks("a")
	b.snap(5)
	busy(b, 10, 45) // closed up to 40
	b.matches["a"]++
	b.raise("a", 49.9)
	require.Equal(t, flawMissing, b.snap(50))
	clean, _ := b.tallies.over(seconds(5), seconds(25))
	require.Len(t, clean, 1)
	require.Zero(t, clean[0].flaws)
	require.Equal(t, seconds(25), clean[0].to)
	flawed, _ := b.tallies.over(seconds(25), seconds(50))
	for _, s := range flawed {
		require.True(t, s.flaws.has(flawMissing))
	}
}

// A quiet snapshot ends what busy ones before it have begun.
func TestQuietEndsTheDoubt(t *testing.T) {
	b := newBooks("a")
	b.snap(5)
	for at := 10.0; at <= 35; at += 5 {
		b.raise("a", at-0.1)
		b.snap(at)
	}
	b.snap(40)
	require.Equal(t, seconds(40.0), b.closed())
	b.raise("a", 44.9)
	b.snap(45)
	require.Equal(t, seconds(40.0), b.closed(), "the one of 35 is not confirmed any more")
	b.raise("a", 49.9)
	b.snap(50)
	require.Equal(t, seconds(45.0), b.closed())
	b.matches["a"]++
	b.raise("a", 54.9)
	require.Equal(t, flawMissing, b.snap(55))
	clean, _ := b.tallies.over(seconds(5), seconds(40))
	for _, s := range clean {
		require.Zero(t, s.flaws, "before the quiet one nothing is in doubt")
	}
	flawed, _ := b.tallies.over(seconds(40), seconds(55))
	for _, s := range flawed {
		require.True(t, s.flaws.has(flawMissing))
	}
}

func TestSurplus(t *testing.T) {
	b := newBooks("a")
	b.snap(5)
	b.arrive("a", 7)
	require.Zero(t, b.snap(10), "a slow engine gets a second chance")
	require.Zero(t, b.snap(10.1), "but another source's snapshot is no second one")
	require.Equal(t, flawMiscounted, b.snap(15))
	require.EqualValues(t, 1, b.last().surplus)
	require.EqualValues(t, 1, b.stats.Surplus)
	require.Zero(t, b.snap(20))
	require.Equal(t, seconds(20.0), b.closed())

	// It came back: an overtaking.
	b.arrive("a", 22)
	require.Zero(t, b.snap(25))
	b.matches["a"]++
	require.Zero(t, b.snap(30))
	require.Equal(t, seconds(30.0), b.closed())
	b.arrive("a", 32)
	require.Zero(t, b.snap(35), "the count begins anew")
	require.Equal(t, seconds(30.0), b.closed())

	// Two quiet ones need not be in a row, and a quarter of a second is enough.
	b = newBooks("a", "noise")
	b.snap(5)
	b.arrive("a", 7)
	require.Zero(t, b.snap(10))
	b.raise("noise", 14.9)
	require.Zero(t, b.snap(15))
	require.Zero(t, b.snap(15.249), "the same moment")
	require.Equal(t, flawMiscounted, b.snap(15.25))

	// What came back is counted from the beginning.
	b = newBooks("a", "noise")
	b.snap(5)
	rising := func(from float64) {
		b.arrive("a", from)
		for i := range 5 {
			b.raise("noise", from+4.9+5*float64(i))
			require.Zero(t, b.snap(from+5+5*float64(i)))
		}
		b.matches["a"]++
		require.Zero(t, b.snap(from+30))
		require.Equal(t, seconds(from+30), b.closed())
	}
	rising(5)
	rising(35)

	// On a sensor that is never quiet, at the sixth.
	b = newBooks("a", "noise")
	b.snap(5)
	b.arrive("a", 7)
	for i := range 5 {
		b.raise("noise", 9.9+5*float64(i))
		require.Zero(t, b.snap(10+5*float64(i)))
	}
	b.raise("noise", 34.9)
	b.arrive("noise", 34.95) // has overtaken it
	require.Equal(t, flawMiscounted, b.snap(35))
	b.matches["noise"]++
	b.raise("noise", 39.9)
	require.Equal(t, flawMiscounted, b.snap(40), "and is not missing")
	b.raise("noise", 44.9)
	require.Zero(t, b.snap(45))
	// What may have overtaken the new base is no loss.
	b.raise("noise", 49.9)
	require.Zero(t, b.snap(50))
}

// At a run's start alerts may have overtaken the first snapshot.
func TestFirstSnapshotOvertaken(t *testing.T) {
	b := newBooks("a")
	b.arrive("a", 4.9)
	b.snap(5)
	b.matches["a"]++
	require.Equal(t, flawRestarted, b.snap(10), "coverage begins later; nothing is said to be missing")
	require.Zero(t, b.last().missing)
	require.Zero(t, b.snap(15))
	require.Equal(t, seconds(15.0), b.closed())

	// The same o as a quiet one shows that none had.
	b = newBooks("a")
	b.raise("a", 4.9)
	b.snap(5)
	require.Zero(t, b.snap(10))
	b.matches["a"]++
	require.Equal(t, flawMissing, b.snap(15))
}

func TestRuns(t *testing.T) {
	b := newBooks("a")
	b.raise("a", 4)
	b.snap(5)
	b.run = Run{2, 2}
	b.matches["a"] = 9
	require.Equal(t, flawRestarted, b.snap(10))
	require.Equal(t, seconds(10), b.since)
	require.Zero(t, b.last().raised, "counters of two runs have no difference")
	require.Zero(t, b.snap(10.5))
	require.Equal(t, seconds(10.5), b.closed())
	b.matches["a"] = 0
	b.run = Run{1, 2}
	require.Equal(t, flawRestarted, b.snap(11))
	o, _ := b.offset()
	require.Zero(t, o, "R counts from the run's start")

	// At its start alerts may overtake as well.
	b.run = Run{3, 3}
	b.arrive("a", 11.9)
	require.Equal(t, flawRestarted, b.snap(12))
	b.matches["a"] = 1
	require.Equal(t, flawRestarted, b.snap(12.5))
	b.raise("a", 12)
	require.Zero(t, b.snap(15))
	b.matches["a"] = 0
	require.Equal(t, flawRestarted, b.snap(20), "a counter that goes backwards is a restart too")
	require.Zero(t, b.alternated)
	b.run = Run{1, 2}
	require.Equal(t, flawRestarted, b.snap(25))
	require.EqualValues(t, 1, b.alternated)
}

func TestCountersMissing(t *testing.T) {
	b := newBooks("a")
	blind := func(at float64) flaws {
		s := b.snapshotAt()
		s.MatchesTotal = Counter{}
		return b.take(s, seconds(at), nil, 0)
	}
	b.snap(5)
	require.Equal(t, flawUncounted, blind(10))
	require.Equal(t, flawUncounted, blind(15))
	_, known := b.offset()
	require.False(t, known)
	b.matches["a"] = 4
	require.Equal(t, flawUncounted, b.snap(20), "what it was at 15 is not known")
	require.Zero(t, b.last().raised)
	require.Zero(t, b.snap(25))
	b.matches["a"]++
	require.Equal(t, flawMissing, b.snap(30))

	// Without a ruleset the totals count; with one again, its rules do.
	b = newBooks("a", "b")
	unruled := func(at float64) flaws { return b.take(b.snapshotAt(), seconds(at), nil, 0) }
	unruled(5)
	b.raise("a", 7)
	require.Zero(t, unruled(10))
	require.False(t, b.base.byRule)
	require.Zero(t, b.snap(15))
	require.True(t, b.base.byRule)
	b.matches["a"]++
	b.arrive("b", 19.9)
	require.Equal(t, flawMissing, b.snap(20))
	b.matches["b"]++
	require.Zero(t, b.snap(25))
	b.matches["b"]++
	require.Equal(t, flawMissing, unruled(30))
	require.Nil(t, b.last().lost)
}

// A base whose rules are not known is compared by totals alone, whatever had been
// lost before it.
func TestRulesOfTheBase(t *testing.T) {
	b := newBooks("a", "b")
	b.matches["a"] = 3 // before the first snapshot
	b.take(b.snapshotAt(), seconds(5), nil, 0)
	b.raise("b", 7)
	require.Zero(t, b.snap(10))
	require.True(t, b.base.byRule)
	require.Zero(t, b.snap(15))

	// A rule that the base's ruleset did not have, since it had not fired yet.
	b = newBooks("a")
	b.snap(5)
	b.rules = newRuleset(&Ruleset{Rules: []string{"a", "b"}}, b.names)
	b.matches["b"]++
	require.Equal(t, flawMissing, b.snap(10))
	require.Equal(t, []RuleLoss{{"b", 1}}, b.last().lost)
	require.Zero(t, b.snap(15))

	// A rule that no ruleset has is missed in the total.
	b = newBooks("a")
	b.snap(5)
	s := b.snapshotAt()
	s.MatchesTotal.N += 2
	s.RuleMatches[0]++
	require.Equal(t, flawMissing, b.take(s, seconds(10), b.rules, 0))
	require.EqualValues(t, 2, b.last().missing)
	require.Equal(t, []RuleLoss{{"a", 1}}, b.last().lost)
	require.Zero(t, b.take(s, seconds(15), b.rules, 0), "once")
}

// As many as may have overtaken a snapshot, however many they are.
func TestManyOvertake(t *testing.T) {
	b := newBooks("a", "b")
	b.snap(5)
	b.matches["a"]++
	for range keptRecent + 8 {
		b.arrive("b", 9.9)
	}
	require.Equal(t, flawMissing, b.snap(10))
	b.matches["b"] += keptRecent + 8
	require.Zero(t, b.snap(15))
	require.EqualValues(t, 1, b.stats.Missing)
}

// Without rules a busy snapshot at which alerts are missing is an uncertain base:
// what is lower at the next is missing too, or was there before it.
func TestLossWithoutRules(t *testing.T) {
	b := newBooks("a")
	unruled := func(at float64) flaws { return b.take(b.snapshotAt(), seconds(at), nil, 0) }
	unruled(5)
	b.matches["a"] += 3
	b.arrive("a", 9.9)
	require.Equal(t, flawMissing, unruled(10))
	require.EqualValues(t, 2, b.last().missing)
	b.matches["a"]++
	require.Equal(t, flawMissing, unruled(15))
	require.EqualValues(t, 3, b.stats.Missing)
	require.Zero(t, unruled(20))
}

func TestQueueDrops(t *testing.T) {
	b := newBooks("a")
	b.snap(5)
	b.drops = 3
	require.Equal(t, flawQueueDrops, b.snap(10), "also where no alert is missing")
	require.EqualValues(t, 3, b.last().queueDrops)
	b.matches["a"]++
	b.drops = 4
	require.Equal(t, flawQueueDrops|flawMissing, b.snap(15))
	require.EqualValues(t, 1, b.last().queueDrops)
	require.EqualValues(t, 4, b.stats.QueueDrops)
	b.run, b.drops = Run{2, 2}, 9
	require.Equal(t, flawRestarted, b.snap(20), "a new run's counter has no difference")
	require.Zero(t, b.snap(25))
}

func TestLateAlerts(t *testing.T) {
	b := newBooks("a")
	b.snap(5)
	b.snap(10)
	b.raise("a", 7)
	b.raise("a", 9)
	b.snap(15)
	require.Equal(t, int64(3*time.Second), b.last().late)
	b.raise("a", 14.99)
	b.snap(20)
	require.Equal(t, int64(10*time.Millisecond), b.last().late)
	require.Len(t, b.tallies.spans, 3, "what is late stands by itself")

	// Also where the snapshot behind it is not quiet.
	b.raise("a", 16)
	b.raise("a", 24.9)
	b.snap(25)
	b.raise("a", 29.9)
	b.snap(30)
	require.Equal(t, seconds(25.0), b.closed())
	require.Equal(t, int64(4*time.Second), b.last().late)
	b.snap(35)
	require.Less(t, b.last().late, int64(time.Second))
}

// An alert that the index does not hold, for being dated too far ahead, may come
// again unnoticed.
func TestNotedFlaws(t *testing.T) {
	b := newBooks("a")
	b.snap(5)
	b.noted |= flawClock
	require.Equal(t, flawClock, b.snap(10))
	require.Zero(t, b.snap(15))
}
