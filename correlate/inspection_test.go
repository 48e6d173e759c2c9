package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watching is a registry of sensors that are well, up to a minute; times are in
// seconds after epoch.
func watching(names ...string) *Sensors {
	s := NewSensors(0)
	w := &watched{now: epoch, interval: 5 * time.Second, names: names, ruleset: RulesetID{1}, matches: []uint64{0}}
	s.Apply(&Record{Logged: epoch, Body: &Ruleset{Hostname: names[0], ID: w.ruleset, Rules: []string{"Terminal_shell"}}})
	for _, name := range names[1:] {
		s.Apply(&Record{Logged: epoch, Body: &Ruleset{Hostname: name, ID: w.ruleset, Rules: []string{"Terminal_shell"}}})
	}
	for at := 0.0; at <= 60; at += 5 {
		for _, name := range names {
			s.Apply(snapshotOf(name, at))
		}
	}
	return s
}

func snapshotOf(name string, at float64) *Record {
	events := Counter{uint64(1000 * (at + 1)), true}
	return &Record{Logged: instant(seconds(at)), Body: &Snapshot{
		Hostname: name, Time: instant(seconds(at)), EventSource: "syscall", Run: Run{1, 1}, Ruleset: RulesetID{1}, RuleMatches: []uint64{0},
		MatchesTotal: Counter{Reported: true}, KernelEvents: events, EventsProcessed: events, KernelDrops: Counter{Reported: true},
	}}
}

func between(from, to float64) Window { return Window{instant(seconds(from)), instant(seconds(to))} }

var usualTolerance = Tolerance{Settling: time.Second, ClockSkew: 2 * time.Second}

// kinds are the kinds of gaps, in order.
func kinds(gaps []Gap) (list []GapKind) {
	for _, g := range gaps {
		list = append(list, g.Kind)
	}
	return list
}

func TestCoverageEnds(t *testing.T) {
	s := watching("a")
	for _, tt := range []struct {
		from, to float64
		want     []GapKind
	}{
		{0, 59, nil},
		{0, 59.001, []GapKind{GapPending}}, // and the settling margin
		{-0.001, 59, []GapKind{GapSilent}},
		{-10, -5, []GapKind{GapSilent}},
		{0, 74, []GapKind{GapPending}}, // three intervals after the last
		{0, 74.001, []GapKind{GapSilent, GapPending}},
		{70, 80, []GapKind{GapSilent, GapPending}},
	} {
		c := s.Coverage(between(tt.from, tt.to), nil, usualTolerance)
		require.Equal(t, tt.want, kinds(c.Gaps), "%v to %v", tt.from, tt.to)
		require.Equal(t, []string{"a"}, c.Sensors)
		require.True(t, c.Assumed)
		require.Equal(t, tt.want == nil, c.Accounted == 1)
	}
	c := s.Coverage(between(50, 80), nil, usualTolerance)
	require.True(t, c.Gaps[0].Open)
	require.Equal(t, instant(seconds(60)), c.Gaps[0].Start)
	require.Equal(t, instant(seconds(60)), c.Gaps[0].Last)
	require.Equal(t, 5*time.Second, c.Gaps[0].Interval)
	c = s.Coverage(between(70, 71), nil, usualTolerance)
	require.Equal(t, instant(seconds(70)), c.Gaps[0].Start, "not before the window")
}

// While an interval is not known, nothing is said to be silent.
func TestCoverageOfTheYoung(t *testing.T) {
	s := NewSensors(0)
	s.Apply(snapshotOf("a", 0))
	s.Apply(snapshotOf("a", 5))
	require.Equal(t, []GapKind{GapPending}, kinds(s.Coverage(between(0, 500), nil, usualTolerance).Gaps))
}

func TestNeededSensors(t *testing.T) {
	s := watching("b", "a")
	require.Empty(t, s.Coverage(between(0, 50), nil, usualTolerance).Gaps)
	c := s.Coverage(between(0, 50), []string{"a", "z", "a"}, usualTolerance)
	require.False(t, c.Assumed)
	require.Equal(t, []string{"a", "z"}, c.Sensors)
	require.Equal(t, []GapKind{GapNoSensor}, kinds(c.Gaps))
	require.Equal(t, "z", c.Gaps[0].Sensor)
	require.Equal(t, 1, c.Accounted)
	require.Equal(t, []GapKind{GapNoSensor}, kinds(s.Coverage(between(0, 50), []string{}, usualTolerance).Gaps), "nobody proves nothing")
	require.Equal(t, []GapKind{GapNoSensor}, kinds(NewSensors(0).Coverage(between(0, 50), nil, usualTolerance).Gaps))

	// Heard from, but not by a snapshot.
	s.Apply(&Record{Logged: epoch, Body: &Alert{Hostname: "c", Rule: "r", Time: epoch, Priority: Error}})
	c = s.Coverage(between(0, 50), nil, usualTolerance)
	require.Equal(t, []GapKind{GapSilent}, kinds(c.Gaps))
	require.Equal(t, "c", c.Gaps[0].Sensor)
	require.Equal(t, 2, c.Heard)

	a, h := s.Proven([]string{"a", "b"})
	require.Equal(t, instant(seconds(60)), a)
	require.Equal(t, instant(seconds(60)), h)
	for _, need := range [][]string{nil, {"a", "z"}, {}} {
		a, h = s.Proven(need)
		require.True(t, a.IsZero() && h.IsZero(), need)
	}

	// More than can be kept: the list is not the whole truth, for a while.
	few := NewSensors(1)
	few.Apply(snapshotOf("a", 0))
	few.Apply(snapshotOf("b", 1))
	c = few.Coverage(between(0, 50), nil, usualTolerance)
	require.Equal(t, GapNoSensor, c.Gaps[0].Kind)
	require.Empty(t, c.Gaps[0].Sensor)
	require.NotContains(t, kinds(few.Coverage(between(0, 50), []string{"a"}, usualTolerance).Gaps), GapNoSensor, "a list is")
	few.Forget(instant(seconds(0.5)))
	require.Contains(t, kinds(few.Coverage(between(0, 50), nil, usualTolerance).Gaps), GapNoSensor)
	few.Forget(instant(seconds(1.5)))
	few.Apply(snapshotOf("a", 2))
	require.NotEqual(t, GapNoSensor, few.Coverage(between(0, 50), nil, usualTolerance).Gaps[0].Kind)
}

// Gaps come the worst first, then by sensor and start; neighbours are one.
func TestGapsAreSorted(t *testing.T) {
	s := watching("b", "a")
	step := func(name string, at float64, change func(*Snapshot)) {
		rec := snapshotOf(name, at)
		change(rec.Body.(*Snapshot))
		s.Apply(rec)
	}
	drops := uint64(0)
	for at := 65.0; at <= 90; at += 5 {
		step("a", at, func(s *Snapshot) {
			if at != 75 {
				drops += 7
			}
			s.KernelDrops.N = drops
		})
		step("b", at, func(s *Snapshot) {
			s.MatchesTotal.N, s.RuleMatches = 2, []uint64{2}
			s.KernelDrops = Counter{}
			s.KernelEvents = Counter{}
		})
	}
	c := s.Coverage(between(0, 89), nil, usualTolerance)
	require.Equal(t, []GapKind{GapMissing, GapKernelDrops, GapKernelDrops, GapKernelDrops}, kinds(c.Gaps))
	require.Equal(t, "b", c.Gaps[0].Sensor)
	require.EqualValues(t, 2, c.Gaps[0].Missing)
	require.Equal(t, []RuleLoss{{"Terminal_shell", 2}}, c.Gaps[0].Lost)
	require.Equal(t, instant(seconds(60)), c.Gaps[1].Start)
	require.Equal(t, instant(seconds(70)), c.Gaps[1].End)
	require.EqualValues(t, 14, c.Gaps[1].KernelDrops)
	require.Equal(t, instant(seconds(75)), c.Gaps[2].Start)
	require.Equal(t, instant(seconds(90)), c.Gaps[2].End)
	require.True(t, c.Gaps[3].Unreported)
	require.Equal(t, "b", c.Gaps[3].Sensor)

	// Tolerated up to the ratio, and unreported only at 1.
	tolerant := usualTolerance
	tolerant.KernelDropRatio = 7.0 / 5000
	require.Equal(t, []GapKind{GapMissing, GapKernelDrops}, kinds(s.Coverage(between(0, 89), nil, tolerant).Gaps))
	tolerant.KernelDropRatio = 6.9 / 5000
	require.Len(t, s.Coverage(between(0, 89), nil, tolerant).Gaps, 4)
	tolerant.KernelDropRatio = 1
	require.Equal(t, []GapKind{GapMissing}, kinds(s.Coverage(between(0, 89), nil, tolerant).Gaps))
	require.Empty(t, s.Coverage(between(0, 59), nil, usualTolerance).Gaps, "what lies behind the window and its margin does not matter")
	require.Len(t, s.Coverage(between(0, 59.001), nil, usualTolerance).Gaps, 3)
	require.Empty(t, s.Coverage(between(0, 59.001), nil, Tolerance{ClockSkew: time.Second}).Gaps)
}

func TestRequiredRules(t *testing.T) {
	s := watching("a")
	ask := func(rules ...string) []Gap {
		tol := usualTolerance
		tol.RequireRules = rules
		return s.Coverage(between(0, 50), nil, tol).Gaps
	}
	require.Empty(t, ask("Terminal shell"))
	require.Empty(t, ask("Terminal_shell", "Terminal (shell)"))
	gaps := ask("Terminal shell", "Write below etc")
	require.Equal(t, []GapKind{GapRuleNotLoaded}, kinds(gaps))
	require.Equal(t, "Write below etc", gaps[0].Rule)
	require.False(t, gaps[0].Unreported)
	gaps = ask("Write below etc", "Another")
	require.Equal(t, []GapKind{GapRuleNotLoaded, GapRuleNotLoaded}, kinds(gaps), "each by itself")
	require.Equal(t, []string{"Another", "Write below etc"}, []string{gaps[0].Rule, gaps[1].Rule})
	// Its ruleset is not known any more.
	rec := snapshotOf("a", 65)
	rec.Body.(*Snapshot).Ruleset = RulesetID{9}
	s.Apply(rec)
	tol := usualTolerance
	tol.RequireRules = []string{"Terminal shell"}
	gaps = s.Coverage(between(0, 64), nil, tol).Gaps
	require.Equal(t, []GapKind{GapRuleNotLoaded}, kinds(gaps))
	require.True(t, gaps[0].Unreported)
	require.Equal(t, instant(seconds(60)), gaps[0].Start)
}

func TestSkewTolerated(t *testing.T) {
	s := NewSensors(0)
	for at := 0.0; at <= 60; at += 5 {
		rec := snapshotOf("a", at)
		rec.Logged = rec.Logged.Add(2 * time.Second)
		s.Apply(rec)
	}
	require.Empty(t, s.Coverage(between(0, 50), nil, usualTolerance).Gaps)
	gaps := s.Coverage(between(0, 50), nil, Tolerance{ClockSkew: 2*time.Second - 1}).Gaps
	require.Equal(t, []GapKind{GapClockSkew}, kinds(gaps))
	require.Equal(t, -2*time.Second, gaps[0].Skew)
	require.True(t, gaps[0].Open, "it may be a backlog")
	// Not any more once an hour has gone by, or the engine started again.
	strict := Tolerance{ClockSkew: 2*time.Second - 1}
	for at := 65.0; at < 600+3600; at += 5 {
		rec := snapshotOf("a", at)
		rec.Logged = rec.Logged.Add(2 * time.Second)
		s.Apply(rec)
	}
	require.True(t, s.Coverage(between(0, 4), nil, strict).Gaps[0].Open)
	rec := snapshotOf("a", 4200)
	rec.Logged = rec.Logged.Add(2 * time.Second)
	s.Apply(rec)
	require.False(t, s.Coverage(between(0, 4), nil, strict).Gaps[0].Open)
	require.True(t, s.Coverage(between(4100, 4150), nil, strict).Gaps[0].Open)
	rec = snapshotOf("a", 4205)
	rec.Body.(*Snapshot).Run = Run{2, 2}
	s.Apply(rec)
	require.False(t, s.Coverage(between(4100, 4150), nil, strict).Gaps[0].Open)
	s = NewSensors(0)
	for at := 0.0; at <= 60; at += 5 {
		rec := snapshotOf("a", at)
		rec.Logged = rec.Logged.Add(-2 * time.Second)
		s.Apply(rec)
	}
	require.Empty(t, s.Coverage(between(0, 50), nil, usualTolerance).Gaps)
	gaps = s.Coverage(between(0, 50), nil, Tolerance{ClockSkew: 2*time.Second - 1}).Gaps
	require.Equal(t, 2*time.Second, gaps[0].Skew)
	require.False(t, gaps[0].Open, "nothing excuses a snapshot from the future")
}

func TestLateIsAGapBeyondTheMargin(t *testing.T) {
	s := watching("a")
	s.Apply(&Record{Logged: instant(seconds(61)), Body: &Alert{Hostname: "a", Rule: "Terminal shell", Time: instant(seconds(57)), Priority: Error}})
	for at := 65.0; at <= 75; at += 5 {
		rec := snapshotOf("a", at)
		rec.Body.(*Snapshot).MatchesTotal.N, rec.Body.(*Snapshot).RuleMatches = 1, []uint64{1}
		s.Apply(rec)
	}
	tol := usualTolerance
	tol.Settling = 3 * time.Second
	require.Empty(t, s.Coverage(between(0, 70), nil, tol).Gaps)
	tol.Settling -= 1
	gaps := s.Coverage(between(0, 70), nil, tol).Gaps
	require.Equal(t, []GapKind{GapLate}, kinds(gaps))
	require.Equal(t, 3*time.Second, gaps[0].Late)
}

// A source that was heard once is needed, and one that came with a run from there on.
func TestSources(t *testing.T) {
	s := watching("a")
	of := func(source string, run int64, at float64) {
		rec := snapshotOf("a", at)
		body := rec.Body.(*Snapshot)
		body.EventSource, body.Run = source, Run{run, run}
		s.Apply(rec)
	}
	for at := 62.0; at <= 90; at += 5 {
		of("k8s_audit", 1, at)
		of("syscall", 1, at+3)
	}
	gaps := s.Coverage(between(0, 80), nil, usualTolerance).Gaps
	require.Equal(t, []GapKind{GapSilent}, kinds(gaps), "heard of within a run: it may have been there before")
	require.Equal(t, "k8s_audit", gaps[0].Source)
	require.Empty(t, s.Coverage(between(62, 80), nil, usualTolerance).Gaps)
	gaps = s.Coverage(between(70, 89), nil, Tolerance{Settling: time.Minute, ClockSkew: time.Second}).Gaps
	require.Equal(t, []GapKind{GapSilent, GapSilent, GapPending}, kinds(gaps), "both sources, each by itself, and the account")
	for at := 100.0; at <= 160; at += 5 {
		of("syscall", 2, at)
		of("other", 2, at+2)
	}
	gaps = s.Coverage(between(62, 150), nil, usualTolerance).Gaps
	require.Equal(t, []GapKind{GapRestarted}, kinds(gaps)[:1])
	gaps = s.Coverage(between(102, 150), nil, usualTolerance).Gaps
	require.Equal(t, []GapKind{GapSilent}, kinds(gaps), "the old source may have failed to start")
	require.Equal(t, "k8s_audit", gaps[0].Source)
	for at := 103.0; at <= 160; at += 5 {
		of("k8s_audit", 2, at)
	}
	require.Empty(t, s.Coverage(between(103, 150), nil, usualTolerance).Gaps)
	require.Empty(t, s.Coverage(between(62, 80), nil, usualTolerance).Gaps, "nor is the new one before")
	gaps = s.Coverage(between(100, 150), nil, usualTolerance).Gaps
	require.Equal(t, []GapKind{GapRestarted, GapSilent, GapSilent}, kinds(gaps), "but from the run's first snapshot on")
	require.Equal(t, []string{"k8s_audit", "k8s_audit", "other"}, []string{gaps[0].Source, gaps[1].Source, gaps[2].Source})
}

// What the flaws of a heartbeat come to.
func TestHeartbeatGaps(t *testing.T) {
	s := watching("a")
	at := func(when float64, run Run, logged float64) {
		rec := snapshotOf("a", when)
		rec.Body.(*Snapshot).Run = run
		rec.Logged = instant(seconds(logged))
		s.Apply(rec)
	}
	at(100, Run{1, 1}, 100) // after a silence
	at(105, Run{2, 1}, 105)
	at(110, Run{}, 110)
	at(115, Run{}, 115)
	at(120, Run{}, 124) // late, or behind
	at(119, Run{}, 129) // overtaken, and of no account
	at(124, Run{}, 134)
	gaps := s.Coverage(between(0, 123), nil, usualTolerance).Gaps
	var have []string
	for _, g := range gaps {
		have = append(have, fmt.Sprintf("%s %v-%v %t %t %s", g.Kind, g.Start.Sub(epoch), g.End.Sub(epoch), g.Unreported, g.Open, g.Skew))
	}
	require.Equal(t, []string{
		"restarted 1m40s-1m50s false false 0s",
		"restarted 1m50s-2m4s true false 0s",
		"silent 1m0s-1m40s false false 0s",
		"clock_skew 1m55s-2m4s false true -10s",
	}, have)
	a := Gap{Kind: GapRestarted, Start: epoch, End: epoch.Add(2), Missing: 1, Late: 5, Skew: -3, Interval: 1}
	for name, b := range map[string]Gap{
		"kind": {Kind: GapSilent, Start: epoch, End: epoch}, "unreported": {Kind: GapRestarted, Start: epoch, End: epoch, Unreported: true},
		"open": {Kind: GapRestarted, Start: epoch, End: epoch, Open: true}, "source": {Kind: GapRestarted, Start: epoch, End: epoch, Source: "x"},
		"rule": {Kind: GapRestarted, Start: epoch, End: epoch, Rule: "x"}, "later": {Kind: GapRestarted, Start: epoch.Add(3), End: epoch.Add(4)},
		"earlier": {Kind: GapRestarted, Start: epoch.Add(-3), End: epoch.Add(-1)},
	} {
		require.False(t, a.joins(&b), name)
	}
	next := Gap{Kind: GapRestarted, Start: epoch.Add(2), End: epoch.Add(9), Missing: 2, Late: 4, Skew: 4, Interval: 2, Last: epoch, CountersOnly: true}
	require.True(t, a.joins(&next))
	require.True(t, next.joins(&a))
	a.join(&next)
	require.Equal(t, Gap{Kind: GapRestarted, Start: epoch, End: epoch.Add(9), Missing: 3, Late: 5, Skew: 4, Interval: 2, Last: epoch}, a)
	next.join(&Gap{Start: epoch.Add(1), Skew: 3, CountersOnly: true})
	require.Equal(t, epoch.Add(1), next.Start)
	require.EqualValues(t, 4, next.Skew)
	require.True(t, next.CountersOnly)
}
