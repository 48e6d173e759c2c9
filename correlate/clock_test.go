package correlate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A backlog that drains is late and not skewed: what comes after it on time, with
// the same clock, says so.
func TestBacklogIsLate(t *testing.T) {
	p := beating(30)
	p.late(35, 20)
	require.Greater(t, p.behindAt(33), 19.0, "not known yet")
	p.late(40, 15)
	p.late(45, 10)
	p.late(50, 0.1)
	for at := 33.0; at < 50; at += 5 {
		require.InDelta(t, 0.1, p.behindAt(at), 0.01, at)
		require.Zero(t, p.flawsAt(at))
	}
	require.InDelta(t, 0, p.behindAt(25), 0.01)
}

// What a drain is, is measured by the intervals before it, and at first contact by
// those that come then.
func TestDrainIsMeasured(t *testing.T) {
	p := beating(30)
	p.late(35, 5.1)
	p.late(41, 0.1) // a second longer than usual: perhaps a step
	p.late(46, 0.1)
	require.InDelta(t, 5.1, p.behindAt(33), 0.01)

	// One that waited for an event in the middle of a backlog, and came as late, is no
	// step; but after one that waited long no drain is sure.
	for _, tt := range []struct{ waited, behind float64 }{{0.4, 0.1}, {0.6, 19.8}} {
		p = beating(30)
		p.late(35, 20)
		p.late(40+tt.waited, 19.8)
		p.late(45+tt.waited, 0.1)
		require.InDelta(t, tt.behind, p.behindAt(33), 0.25, tt)
	}

	p = beating(0)
	p.late(5, 4)
	p.late(10, 3)
	p.late(15, 2)
	p.late(20, 0.1)
	for at := 3.0; at < 20; at += 5 {
		require.InDelta(t, 0.1, p.behindAt(at), 0.01)
	}
}

func TestClockBehind(t *testing.T) {
	p := beating(30)
	for at := 35.0; at <= 50; at += 5 {
		p.late(at, 7)
	}
	for at := 33.0; at < 50; at += 5 {
		require.InDelta(t, 7, p.behindAt(at), 0.01, "what came before says nothing")
	}
	// It is set right: 7 s in one interval.
	p.late(62, 0)
	require.InDelta(t, 7, p.behindAt(48), 0.01, "what comes after a step excuses nothing")
	require.InDelta(t, 7, p.behindAt(60), 0.01, "when within the span is not known")
	p.late(67, 0)
	require.InDelta(t, 7, p.behindAt(60), 0.01)
	require.InDelta(t, 0, p.behindAt(65), 0.01)
}

// A step of less than a quarter of a second can't be told from jitter; one more
// nanosecond can.
func TestLeastStep(t *testing.T) {
	for _, tt := range []struct {
		step  float64
		found bool
	}{{0.25, false}, {0.2501, true}} {
		p := beating(30)
		p.late(35, 1)
		p.late(40+tt.step, 1-tt.step)
		p.late(45+tt.step, 0)
		require.Equal(t, tt.found, p.behindAt(38) > 0.5, tt.step)
	}
}

func TestClockAhead(t *testing.T) {
	p := beating(30)
	p.late(38, -3) // 3 s further than an interval
	require.InDelta(t, -3, p.behindAt(33), 0.01, "a snapshot from the future")
	p.late(43, -3)
	// An outage: what comes late hides how far it is ahead.
	p.late(48, 4)
	p.late(53, -1)
	require.InDelta(t, 4, p.behindAt(50), 0.01, "after such a step no drain is sure")
	p.late(58, -0.9)
	require.InDelta(t, -3, p.behindAt(55), 0.01, "still")
	p.late(63, -3)
	require.InDelta(t, -3, p.behindAt(60), 0.01)
	// It is set back to the right time, between two snapshots.
	p.late(65, 0)
	require.InDelta(t, -3, p.behindAt(64), 0.01, "it was ahead at the span's start")
	p.late(70, 0)
	require.InDelta(t, 0, p.behindAt(68), 0.01, "and is not any more")

	// Over a restart nothing is known of it.
	p = beating(30)
	p.late(38, -3)
	p.late(43, 1)
	p.next.Run.StartTS++
	p.late(48, 1)
	p.late(53, 1)
	require.InDelta(t, 1, p.behindAt(51), 0.01)
}

// An alert from the future tells too, whenever the snapshot behind it comes.
func TestAlertFromTheFuture(t *testing.T) {
	s := watching("a")
	s.Apply(&Record{Logged: instant(seconds(62)), Body: &Alert{Hostname: "a", Rule: "Terminal shell", Time: instant(seconds(65)), Priority: Error}})
	for at := 70.0; at <= 80; at += 5 {
		rec := snapshotOf("a", at)
		rec.Body.(*Snapshot).MatchesTotal.N, rec.Body.(*Snapshot).RuleMatches = 1, []uint64{1}
		s.Apply(rec)
	}
	gaps := s.Coverage(between(0, 75), nil, usualTolerance).Gaps
	require.Equal(t, []GapKind{GapClockSkew}, kinds(gaps))
	require.Equal(t, "3s", gaps[0].Skew.String())
	require.Equal(t, instant(seconds(70)), gaps[0].End)
	require.Empty(t, s.Coverage(between(70, 75), nil, usualTolerance).Gaps)
}

// What comes from a clock that is found to be ahead within five minutes may have been
// dated ahead too, whether or not the clock was set in between.
func TestAheadBehindABacklog(t *testing.T) {
	for _, tt := range []struct{ late, next, want float64 }{{2.09, 60, -5.6}, {0.2, 60, -5.6}, {2.09, 60 + 290, -5.6}, {2.09, 60 + 320, 2.09}} {
		p := beating(50)
		p.late(55, tt.late)
		p.late(60, tt.late)
		for at := 65.0; at <= tt.next; at += 5 {
			tt.late = 4.6 - tt.late // not alike, and not merged
			p.late(at, tt.late)
		}
		p.late(tt.next+11, -5.6) // set forward, with a snapshot lost
		require.InDelta(t, tt.want, p.behindAt(58), 0.3, tt)
	}
}

// That it was ahead is forgotten after an hour of delay.
func TestAheadIsForgotten(t *testing.T) {
	p := beating(30)
	p.late(38, -3)
	p.late(43, 1)
	at := 48.0
	for ; at < 43+3600; at += 5 {
		p.late(at, 1)
		require.Less(t, p.behindAt(at-2), -2.9)
	}
	p.late(at, 1)
	p.late(at+5, 1)
	require.InDelta(t, 1, p.behindAt(at+2), 0.01)
}

func TestClockSetBack(t *testing.T) {
	p := beating(60)
	require.True(t, p.late(30, 35).has(flawClock))
	require.Equal(t, seconds(30), p.last)
	require.Equal(t, int64(5*1e9), p.interval.least(), "an interval backwards is none")
	require.True(t, p.flawsAt(45).has(flawClock), "that time is lived through twice")
	require.Zero(t, p.flawsAt(20))
	p.late(35, 35)
	require.Equal(t, seconds(60), p.beats.end(), "and is not proven the second time")
	for at := 40.0; at <= 70; at += 5 {
		p.late(at, 35)
	}
	require.True(t, p.flawsAt(58).has(flawClock))
	require.Zero(t, p.flawsAt(65))
	require.InDelta(t, 35, p.behindAt(65), 0.01)

	// Before the interval is known nothing is proven by it.
	p = beating(5)
	p.late(20, 0)
	p.late(18, 0)
	require.True(t, p.flawsAt(10).has(flawSilent))
}

// A clock that is slewed moves little from one snapshot to the next, and must not
// be hidden by merging.
func TestSlewedClock(t *testing.T) {
	p := beating(30)
	for i := range 20 {
		p.late(35+5*float64(i), 0.2*float64(i+1))
	}
	require.InDelta(t, 4, p.behindAt(129), 0.3)
	require.Less(t, p.behindAt(33), 0.5)

	p = beating(30)
	for i := range 20 {
		p.late(35+5*float64(i), -0.2*float64(i+1))
	}
	require.Less(t, p.behindAt(33), -3.0, "as far as is known it is the same clock")

	p = beating(30)
	p.late(35, -0.2)
	p.late(40, 5)
	require.InDelta(t, 5, p.behindAt(38), 0.01, "what is worse counts")
}

// An hour behind a span is as far as its excuse is looked for.
func TestClockMemory(t *testing.T) {
	p := beating(30)
	at := 35.0
	for ; at <= 3630; at += 5 {
		p.late(at, 7)
	}
	p.late(at, 2.1)
	p.late(at+5, 0)
	require.InDelta(t, 0, p.behindAt(100), 0.01)
	p = beating(30)
	for at = 35.0; at <= 4300; at += 5 {
		p.late(at, 7)
	}
	p.late(at, 2.1)
	p.late(at+5, 0)
	require.InDelta(t, 7, p.behindAt(33), 0.01)
}
