package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pulse is a heartbeat with the counters of its engine. Times are in seconds.
type pulse struct {
	heartbeat
	stats ProofStats
	next  Snapshot
	rules *ruleset
}

// beating begins with a snapshot at 0.5 and one every five seconds, up to last.
func beating(last float64) *pulse {
	p := &pulse{next: Snapshot{Run: Run{1, 1}, KernelDrops: Counter{Reported: true}}, heartbeat: heartbeat{source: "syscall"}}
	p.count()
	p.begin(&p.next, seconds(0.5), 0, nil, 0)
	for at := 5.0; at <= last; at += 5 {
		p.beat(at)
	}
	return p
}

func (p *pulse) count() {
	p.next.KernelEvents = Counter{p.next.KernelEvents.N + 1000, true}
	p.next.EventsProcessed = Counter{p.next.EventsProcessed.N + 1000, true}
}

// beat takes a snapshot that is logged at its own time.
func (p *pulse) beat(at float64) flaws { return p.late(at, 0) }

// late takes a snapshot that is logged later than its own time.
func (p *pulse) late(at, by float64) flaws {
	p.count()
	s := p.next
	return p.snapshot(&s, seconds(at), int64(by*float64(time.Second)), p.rules, &p.stats)
}

// flawsAt are the flaws of the span that an instant lies in.
func (p *pulse) flawsAt(at float64) flaws {
	spans, _ := p.beats.over(seconds(at), seconds(at)+1)
	if len(spans) == 0 {
		return 1 << 15
	}
	return spans[0].flaws
}

// behindAt is how far the clock was behind at an instant, in seconds.
func (p *pulse) behindAt(at float64) float64 {
	_, before := p.beats.over(seconds(at), seconds(at)+1)
	return time.Duration(p.clock(before)).Seconds()
}

func TestIntervalIsLearned(t *testing.T) {
	p := beating(15) // 4.5 is the phase, then two intervals
	require.False(t, p.interval.known())
	require.Equal(t, seconds(0.5), p.judged(), "nothing is judged before three are known")
	require.Empty(t, p.beats.spans)
	require.Equal(t, seconds(0.5), p.since())
	p.beat(20)
	require.True(t, p.interval.known())
	require.Equal(t, seconds(20), p.judged())
	require.Equal(t, seconds(0.5), p.since())
	require.Equal(t, int64(5*time.Second), p.interval.usual())
	require.Equal(t, int64(15*time.Second), p.interval.allowed())
	require.Equal(t, int64(5*time.Second), p.interval.least())

	var v interval
	require.Zero(t, v.usual())
	require.Zero(t, v.least())
	for _, ns := range []int64{4, 9, 5} {
		v.learn(ns * int64(time.Second))
	}
	require.Equal(t, int64(5*time.Second), v.usual(), "the lower median")
	require.Zero(t, v.least(), "4 and 5 don't agree")
	v.learn(int64(4500 * time.Millisecond))
	require.Zero(t, v.least(), "nor are they regular")
	require.Equal(t, int64(4500*time.Millisecond), v.usual())
	v = interval{}
	v.learn(int64(200 * time.Millisecond))
	require.Equal(t, int64(2200*time.Millisecond), v.allowed(), "two seconds more at the least")
	v.learn(int64(450 * time.Millisecond))
	require.Zero(t, v.least(), "two are too few")
	v.learn(int64(700 * time.Millisecond))
	require.Equal(t, int64(200*time.Millisecond), v.least())
	v.learn(int64(701 * time.Millisecond))
	require.Zero(t, v.least(), "the recent ones are too far apart")
	v = interval{}
	for _, ns := range []int64{8000, 8200, 8500, 40000} {
		v.learn(ns * int64(time.Millisecond))
	}
	require.Equal(t, int64(8*time.Second), v.least(), "a silence does not make them irregular")
	for range learnedFrom {
		v.learn(int64(16 * time.Second))
	}
	require.Equal(t, int64(8*time.Second), v.least(), "every second one is lost: the run's least counts")
	v = interval{}
	v.learn(int64(2 * time.Second))
	for range learnedFrom {
		v.learn(int64(4 * time.Second))
	}
	require.Equal(t, int64(4*time.Second), v.least(), "one that was short once does not")
	for range learnedFrom {
		v.learn(int64(time.Minute))
	}
	require.Equal(t, int64(time.Minute), v.usual(), "a new interval is learned in time")
	v.restart()
	require.Equal(t, int64(time.Minute), v.least(), "the recent ones hold over a restart")
	v.learn(1)
	require.Equal(t, int64(time.Minute), v.usual(), "a run's first interval tells nothing")
}

// The run's least interval is found in whichever order they come.
func TestLeastOfTheRun(t *testing.T) {
	for _, order := range [][]float64{{2, 2.1, 8}, {8, 2, 2.1}, {2, 8, 2.1}, {2.1, 8, 2}, {8, 2.1, 2}} {
		var v interval
		for _, s := range order {
			v.learn(int64(s * 1e9))
		}
		for range learnedFrom {
			v.learn(int64(4e9))
		}
		require.Equal(t, int64(2e9), v.least(), order)
	}
	for _, order := range [][]float64{{2.3, 2, 2.2}, {2, 2.3, 2.2}, {2.3, 2.2, 2}} {
		var v interval
		for _, s := range order {
			v.learn(int64(s * 1e9))
		}
		v.restart()
		require.Equal(t, int64(2e9), v.least(), order)
	}
}

func TestSilence(t *testing.T) {
	p := beating(30)
	require.Zero(t, p.beat(45), "three intervals are no silence")
	require.Zero(t, p.flawsAt(40))
	p.beat(60.001)
	require.Equal(t, flawSilent, p.flawsAt(50))
	require.Equal(t, map[GapKind]uint64{GapSilent: 1}, p.stats.Flawed, "it is counted")
	p.beat(65)
	require.Zero(t, p.flawsAt(62))
	require.NotEqual(t, p.beats.spans[0].segment, p.beats.spans[len(p.beats.spans)-1].segment, "the clock may have been set meanwhile")

	// A stall right after first contact shows once the interval is known.
	p = beating(5)
	p.beat(60)
	p.beat(65)
	p.beat(70)
	require.Equal(t, seconds(70), p.judged())
	require.Equal(t, flawSilent, p.flawsAt(30))
	require.Equal(t, map[GapKind]uint64{GapSilent: 1}, p.stats.Flawed)
	require.Zero(t, p.flawsAt(62))

	// A sensor that starts again and again never tells its interval.
	p = beating(0)
	for i := range maxYoung {
		require.Empty(t, p.beats.spans)
		p.next.Run.StartTS++
		p.beat(10 * float64(i+1))
	}
	require.True(t, p.flawsAt(15).has(flawSilent))
	require.True(t, p.flawsAt(15).has(flawRestarted))
}

func TestHeartbeatRuns(t *testing.T) {
	p := beating(30)
	p.next.Run.ReloadTS++
	require.Equal(t, flawRestarted, p.beat(35))
	require.Equal(t, flawRestarted, p.flawsAt(33))
	require.Zero(t, p.beat(40))
	p.next.KernelEvents.N = 0
	require.Equal(t, flawRestarted, p.beat(45), "kernel events that go backwards")
	p.next.EventsProcessed.N = 0
	require.Equal(t, flawRestarted, p.beat(50), "events processed that go backwards")
	p.next.Run = Run{}
	require.True(t, p.beat(55).has(flawRunUnknown))
	require.Equal(t, flawRunUnknown, p.beat(60))
}

func TestStaleSnapshots(t *testing.T) {
	p := beating(30)
	now := p.next
	older := now
	older.KernelEvents.N -= 1000
	require.True(t, p.stale(&now, seconds(30)), "the same again")
	require.False(t, p.stale(&now, seconds(30.001)))
	require.True(t, p.stale(&older, seconds(25)))
	older = now
	older.EventsProcessed.N--
	require.True(t, p.stale(&older, seconds(25)))
	require.False(t, p.stale(&now, seconds(25)), "a clock that was set back moves the time alone")
	require.False(t, p.stale(&older, seconds(30.001)), "counters that go backwards are for the heartbeat to judge")
	unknown := beating(0)
	unknown.next.Run, unknown.run = Run{}, Run{}
	unknown.beat(5)
	require.False(t, unknown.stale(&unknown.next, seconds(4)), "a run that is not reported is no run before")

	p.next.Run.StartTS++
	p.beat(35)
	require.True(t, p.stale(&now, seconds(30)), "the last one of the run before")
	require.True(t, p.stale(&now, seconds(35)))
	require.False(t, p.stale(&now, seconds(36)), "two under one name")
	now.Run = Run{7, 7}
	require.False(t, p.stale(&now, seconds(30)), "another run is news, whenever it is dated")
}

func TestKernelDrops(t *testing.T) {
	p := beating(30)
	p.next.KernelDrops.N = 10
	require.Equal(t, flawKernelDrops, p.beat(35))
	spans, _ := p.beats.over(seconds(33), seconds(34))
	require.EqualValues(t, 10, spans[0].drops)
	require.EqualValues(t, 1000, spans[0].events)
	require.InDelta(t, 0.01, spans[0].ratio, 1e-9)
	require.EqualValues(t, 10, p.stats.KernelDrops)
	require.Zero(t, p.beat(40), "they are of one span")

	p.next.KernelDrops.N = 3010
	p.beat(45)
	spans, _ = p.beats.over(seconds(43), seconds(44))
	require.InDelta(t, 1, spans[0].ratio, 1e-9, "more drops than events are all of them")
	p.next.KernelDrops.N = 3
	require.Equal(t, flawRestarted, p.beat(50), "a counter that goes backwards")

	// Zero and left out is zero, as long as the events are counted.
	p.next.KernelDrops = Counter{}
	require.Equal(t, flawRestarted, p.beat(55), "it was 3")
	require.Zero(t, p.beat(60))
	p.next.KernelEvents = Counter{}
	p.events = Counter{}
	s := p.next
	require.Equal(t, flawKernelUnknown, p.snapshot(&s, seconds(65), 0, nil, &p.stats))
	p.next.KernelDrops = Counter{Reported: true}
	require.Equal(t, flawKernelUnknown, p.beat(70), "how many there were before is not known")
	require.Zero(t, p.beat(75))
	p.next.Run.StartTS++
	p.next.KernelDrops.N = 9
	require.Equal(t, flawRestarted, p.beat(80), "of a new run nothing is compared")

	// Of how many events is known when both snapshots say so.
	p = beating(30)
	s = p.next
	s.KernelEvents, s.KernelDrops.N = Counter{}, 10
	require.Equal(t, flawKernelDrops, p.snapshot(&s, seconds(35), 0, nil, &p.stats))
	require.InDelta(t, 1, p.beats.spans[len(p.beats.spans)-1].ratio, 1e-9)
	p = beating(30)
	p.events = Counter{}
	p.next.KernelDrops.N = 20
	require.Equal(t, flawKernelDrops, p.beat(35))
	require.InDelta(t, 1, p.beats.spans[len(p.beats.spans)-1].ratio, 1e-9)

	// Another source has no kernel.
	p = beating(30)
	p.source = "k8s_audit"
	p.next.KernelDrops = Counter{N: 4, Reported: true}
	require.Zero(t, p.beat(35))
	p.source = ""
	p.next.KernelDrops.N = 5
	require.Equal(t, flawKernelDrops, p.beat(40))
}

func TestMessagesAboutDropsAndTimeouts(t *testing.T) {
	l := newLedger(newRuleNames(), &ProofStats{})
	for at := 0.0; at <= 30; at += 5 {
		l.snapshot(&Snapshot{Time: instant(seconds(at)), EventSource: "syscall", Run: Run{1, 1}, KernelEvents: Counter{uint64(at + 1), true}, MatchesTotal: Counter{Reported: true}}, seconds(at))
	}
	next := func(at float64) flaws {
		return l.snapshot(&Snapshot{Time: instant(seconds(at)), EventSource: "syscall", Run: Run{1, 1}, KernelEvents: Counter{uint64(at + 1), true}, MatchesTotal: Counter{Reported: true}}, seconds(at))
	}
	l.drop(&Drop{Drops: Counter{5, true}, Events: Counter{100, true}})
	require.Equal(t, flawKernelDrops, next(35))
	h := l.heartbeats[0]
	require.InDelta(t, 0.05, h.beats.spans[len(h.beats.spans)-1].ratio, 1e-9)
	l.drop(&Drop{})
	require.Equal(t, flawKernelDrops, next(40), "of how many events is not known")
	require.InDelta(t, 1, h.beats.spans[len(h.beats.spans)-1].ratio, 1e-9)
	l.note(flawSilent)
	require.Equal(t, flawSilent, next(45))
	require.Zero(t, next(50))

	// What is dated more than an hour ahead of the log is not used, and spoils the
	// span that it came in.
	ahead := &Snapshot{Time: instant(seconds(55) + maxAhead + 1), EventSource: "syscall", Run: Run{1, 1}, KernelEvents: Counter{52, true}, MatchesTotal: Counter{Reported: true}}
	require.Equal(t, flawClock, l.snapshot(ahead, seconds(55)))
	require.Equal(t, seconds(50), h.last)
	require.True(t, next(55).has(flawClock))
	require.Zero(t, next(60))
	ahead.Time = instant(seconds(60) + maxAhead)
	ahead.KernelEvents.N = 100
	require.Zero(t, l.snapshot(ahead, seconds(60)), "an hour is used, and shows as a silence")
}

func TestRulesChange(t *testing.T) {
	names := newRuleNames()
	files := func(digest string) *ruleset {
		return newRuleset(&Ruleset{Rules: []string{"a"}, RulesFiles: []Field{{"falco_rules_yaml", digest}}}, names)
	}
	p := beating(30)
	p.rules = files("1")
	require.Zero(t, p.beat(35), "what was loaded before is not known")
	p.rules = files("1")
	require.Zero(t, p.beat(40))
	p.rules = nil
	require.Zero(t, p.beat(45))
	p.rules = files("2")
	require.Equal(t, flawRulesChanged, p.beat(50))
}

// A few rulesets are known at a time; to hear of one again forgets none.
func TestRulesetsAreKept(t *testing.T) {
	l := newLedger(newRuleNames(), &ProofStats{})
	of := func(n byte) *ruleset { return &ruleset{id: RulesetID{n}} }
	for n := range byte(keptRulesets) {
		l.loaded(of(n))
		for range keptRulesets {
			l.loaded(of(n))
		}
	}
	for n := range byte(keptRulesets) {
		require.NotNil(t, l.ruleset(RulesetID{n}))
	}
	l.loaded(of(99))
	require.Nil(t, l.ruleset(RulesetID{0}), "the oldest makes room")
	require.NotNil(t, l.ruleset(RulesetID{1}))
	l.mark()
	for _, rs := range l.rulesets {
		require.True(t, rs.used)
	}
}

// While the interval is not known, nothing excuses a clock that moved further than the
// log's, however close the snapshots are.
func TestSetForwardBeforeTheIntervalIsKnown(t *testing.T) {
	step := func(h *heartbeat, span float64, by int64) bool {
		return h.setForward(&youngBeat{beat: beat{from: seconds(0), to: seconds(span)}, step: by})
	}
	var young heartbeat
	require.True(t, step(&young, 0.2, stepLeast+1))
	require.True(t, step(&young, 10, stepLeast+1))
	require.False(t, step(&young, 10, stepLeast))
	old := beating(20).heartbeat
	require.False(t, step(&old, 5, stepLeast+1), "a backlog drains")
	require.True(t, step(&old, 6, stepLeast+1))
}
