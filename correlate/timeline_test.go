package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func tallies(spans ...tally) *timeline[tally] {
	t := &timeline[tally]{}
	for _, s := range spans {
		t.add(s)
	}
	return t
}

// sound checks that spans follow each other without a hole.
func sound(t *testing.T, line *timeline[tally]) {
	t.Helper()
	for i := 1; i < len(line.spans); i++ {
		require.Equal(t, line.spans[i-1].to, line.spans[i].from)
	}
	require.LessOrEqual(t, len(line.spans), maxSpans)
}

func TestTimelineMerges(t *testing.T) {
	line := tallies(tally{from: 10, to: 20, received: 1, raised: 2}, tally{from: 20, to: 30, received: 3, raised: 4, late: 5})
	require.Equal(t, []tally{{from: 10, to: 30, received: 4, raised: 6, late: 5}}, line.spans)
	require.EqualValues(t, 10, line.begin())
	require.EqualValues(t, 30, line.end())
	require.Zero(t, (&timeline[tally]{}).begin())
	require.Zero(t, (&timeline[tally]{}).end())

	for name, next := range map[string]tally{
		"a flaw":                {from: 30, to: 40, flaws: flawMissing},
		"softness":              {from: 30, to: 40, soft: true},
		"lateness":              {from: 30, to: 40, late: usuallyLate + 1},
		"more than ten minutes": {from: 30, to: spanGrain + 1},
	} {
		line := tallies(tally{from: 10, to: 30}, next)
		require.Len(t, line.spans, 2, name)
	}
	require.Len(t, tallies(tally{from: 10, to: 30}, tally{from: 30, to: spanGrain}).spans, 1)
	require.Len(t, tallies(tally{from: 10, to: 30}, tally{from: 30, to: 40, late: usuallyLate}).spans, 1)

	require.Len(t, tallies(tally{from: 10, to: 30}, tally{from: 31, to: 40}).spans, 2, "not over a hole")
	require.Len(t, tallies(tally{from: -5, to: -1}).spans, 1, "the first is taken as it is")

	// Of what was lived through twice, what is new is added, without figures.
	line = tallies(tally{from: 10, to: 30}, tally{from: 15, to: 30, flaws: flawClock}, tally{from: 20, to: 29}, tally{from: 25, to: 40, flaws: flawMissing, missing: 3})
	require.Equal(t, []tally{{from: 10, to: 30}, {from: 30, to: 40, flaws: flawMissing}}, line.spans)
}

func TestTimelineOver(t *testing.T) {
	line := tallies(tally{from: 10, to: 20}, tally{from: 20, to: 30, flaws: 1}, tally{from: 30, to: 40})
	for _, tt := range []struct{ from, to, first, n int64 }{
		{0, 10, 0, 0}, {0, 11, 0, 1}, {10, 20, 0, 1}, {19, 21, 0, 2}, {20, 30, 1, 1}, {20, 31, 1, 2}, {30, 99, 2, 1}, {39, 40, 2, 1}, {40, 50, 3, 0}, {15, 35, 0, 3},
	} {
		spans, before := line.over(tt.from, tt.to)
		require.Len(t, spans, int(tt.n), tt)
		require.EqualValues(t, tt.first, before, tt)
	}
}

func TestTimelineTaint(t *testing.T) {
	fresh := func() *timeline[tally] {
		return tallies(tally{from: 10, to: 20, received: 7}, tally{from: 20, to: 30, flaws: flawClock}, tally{from: 30, to: 40})
	}
	line := fresh()
	line.taint(20, flawMissing)
	require.Equal(t, []tally{{from: 10, to: 20, received: 7}, {from: 20, to: 30, flaws: flawClock | flawMissing}, {from: 30, to: 40, flaws: flawMissing}}, line.spans)
	line = fresh()
	line.taint(40, flawMissing)
	require.Equal(t, fresh().spans, line.spans)
	line.taint(15, flawMissing)
	require.Len(t, line.spans, 4, "the first is split")
	require.Equal(t, tally{from: 10, to: 15, received: 7}, line.spans[0])
	require.Equal(t, tally{from: 15, to: 20, flaws: flawMissing}, line.spans[1])
	sound(t, line)
	line = fresh()
	line.taint(0, flawMissing)
	for _, s := range line.spans {
		require.True(t, s.flaws.has(flawMissing))
	}
}

func TestTimelineIsBounded(t *testing.T) {
	line := tallies()
	for i := range int64(maxSpans) {
		line.add(tally{from: i, to: i + 1, flaws: flaws(1 + i%2), received: 1})
	}
	require.Len(t, line.spans, maxSpans)
	line.taint(5, 0)
	line.spans[maxSpans-1].to += 5 // so that a taint could split it
	line.taint(maxSpans+1, flawClock)
	require.Len(t, line.spans, maxSpans, "a full timeline is not split")
	line.add(tally{from: maxSpans + 5, to: maxSpans + 6, received: 1})
	require.Len(t, line.spans, maxSpans+1-maxSpans/4)
	sound(t, line)
	require.Equal(t, tally{from: 0, to: 2, flaws: 3, received: 2}, line.spans[0], "the older half is joined by twos, which widens what a flaw touches")
	var received uint64
	for _, s := range line.spans {
		received += s.received
	}
	require.EqualValues(t, maxSpans+1, received)

	line.forget(100)
	require.EqualValues(t, 98, line.begin(), "what reaches up to there is kept")
	line.forget(101)
	require.EqualValues(t, 100, line.begin())
	line.forget(1 << 40)
	require.Empty(t, line.spans)
}

// Beats that differ in what a verdict depends on are not merged; those that are
// joined to save room keep the worst of both.
func TestBeatsJoin(t *testing.T) {
	rules, others := &ruleset{}, &ruleset{}
	base := beat{from: 10, to: 20, rules: rules, segment: 1, distance: 5, farthest: 9, ahead: 5, drops: 1, events: 10, ratio: 0.1}
	next := func(change func(*beat)) beat {
		b := base
		b.from, b.to = 20, 30
		change(&b)
		return b
	}
	require.True(t, base.like(next(func(*beat) {})))
	require.True(t, base.like(next(func(b *beat) { b.distance, b.farthest, b.ahead = 9-stepLeast, 9, 5-stepLeast })))
	for name, change := range map[string]func(*beat){
		"flaws":     func(b *beat) { b.flaws = flawSilent },
		"segment":   func(b *beat) { b.segment = 2 },
		"rules":     func(b *beat) { b.rules = others },
		"nearer":    func(b *beat) { b.distance = 9 - stepLeast - 1 },
		"farther":   func(b *beat) { b.farthest = 5 + stepLeast + 1 },
		"ahead":     func(b *beat) { b.ahead = 5 - stepLeast - 1 },
		"not ahead": func(b *beat) { b.ahead = 5 + stepLeast + 1 },
	} {
		require.False(t, base.like(next(change)), name)
	}
	joined := base.joined(next(func(b *beat) {
		b.flaws, b.distance, b.farthest, b.ahead, b.drops, b.events, b.ratio = flawSilent, 3, 12, -1, 2, 20, 0.3
	}))
	require.Equal(t, beat{from: 10, to: 30, flaws: flawSilent, rules: rules, segment: 1, distance: 3, farthest: 12, ahead: -1, drops: 3, events: 30, ratio: 0.3}, joined)
	joined = base.joined(next(func(b *beat) { b.segment, b.rules = 2, others }))
	require.Equal(t, flawClock, joined.flaws, "its clock is not judged any more")
	require.EqualValues(t, 2, joined.segment)
	require.Nil(t, joined.rules)
	require.Equal(t, beat{from: 15, to: 20, rules: rules, segment: 1, distance: 5, farthest: 9, ahead: 5, ratio: 0.1}, base.starting(15))
	require.EqualValues(t, 15, base.ending(15).to)
}

func TestTalliesJoin(t *testing.T) {
	a := tally{from: 10, to: 20, flaws: flawMissing, raised: 1, received: 2, missing: 3, surplus: 4, queueDrops: 5, late: 6, lost: []RuleLoss{{"a", 3}}}
	b := tally{from: 20, to: 30, flaws: flawQueueDrops, raised: 10, received: 20, missing: 30, surplus: 40, queueDrops: 50, late: 60, soft: true, lost: []RuleLoss{{"a", 1}}}
	both := tally{
		from: 10, to: 30, flaws: flawMissing | flawQueueDrops, raised: 11, received: 22, missing: 33, surplus: 44, queueDrops: 55, late: 60, soft: true,
		lost: []RuleLoss{{"a", 4}},
	}
	require.Equal(t, both, a.joined(b))
	a.soft, b.soft, b.late = true, false, 5
	both.late = 6
	require.Equal(t, both, a.joined(b))
}

func TestLossesJoin(t *testing.T) {
	a := []RuleLoss{{"a", 1}, {"b", 2}}
	require.Equal(t, a, joinLosses(a, nil))
	require.Equal(t, []RuleLoss{{"a", 1}, {"b", 5}, {"c", 1}}, joinLosses(a, []RuleLoss{{"b", 3}, {"c", 1}}))
	require.Equal(t, []RuleLoss{{"a", 1}, {"b", 2}}, a, "neither list is changed")
	var many []RuleLoss
	for i := range maxLost {
		many = append(many, RuleLoss{fmt.Sprint(i), 1})
	}
	require.Len(t, joinLosses(many, []RuleLoss{{"x", 1}, {"3", 1}}), maxLost)
	require.EqualValues(t, 2, joinLosses(many, []RuleLoss{{"x", 1}, {"3", 1}})[3].Missing)
}
