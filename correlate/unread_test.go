package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The spans never miss a message that a plain list has, whatever the order in
// which they came, and stay bounded.
func TestUnreadAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type message struct {
			sensor string
			ns     int64
		}
		u := newUnread()
		var list []message
		sensors := rapid.SampledFrom([]string{"", "node-a", "node-b"})
		times := rapid.Int64Range(0, int64(500*time.Second))
		for range rapid.IntRange(0, 300).Draw(t, "messages") {
			m := message{sensors.Draw(t, "sensor"), times.Draw(t, "time")}
			u.add(m.sensor, m.ns)
			list = append(list, m)
		}
		var all uint64
		for _, spans := range u.spans {
			require.LessOrEqual(t, len(spans), maxUnreadSpans)
			for i, s := range spans {
				require.LessOrEqual(t, s.from, s.to)
				if i > 0 {
					require.Greater(t, s.from, spans[i-1].to)
				}
				all += s.count
			}
		}
		require.EqualValues(t, len(list), all)
		from := times.Draw(t, "from")
		to := from + rapid.Int64Range(0, int64(time.Minute)).Draw(t, "length")
		sensor := sensors.Draw(t, "asked")
		var want uint64
		for _, m := range list {
			if m.ns >= from && m.ns <= to && (sensor == "" || m.sensor == "" || m.sensor == sensor) {
				want++
			}
		}
		require.GreaterOrEqual(t, u.count(from, to, sensorsOf(sensor)), want)
	})
}

func TestUnreadIsExactWhereItCanBe(t *testing.T) {
	u := newUnread()
	second := int64(time.Second)
	for i := range int64(10) {
		u.add("node-a", 100*second+i*second/2) // one span of 4.5 s
	}
	u.add("node-a", 200*second)
	u.add("", 300*second)
	require.EqualValues(t, 10, u.count(90*second, 110*second, []string{"node-a"}))
	require.EqualValues(t, 0, u.count(110*second, 190*second, nil))
	require.EqualValues(t, 0, u.count(0, 250*second, []string{"node-b"}))
	require.EqualValues(t, 1, u.count(0, 400*second, []string{"node-b"}), "it may be node-b's")
	require.EqualValues(t, 12, u.count(0, 400*second, nil))
	u.forget(150 * second)
	require.EqualValues(t, 2, u.count(0, 400*second, nil))
}

// A flood of sensor names takes no more room than is set, and is not forgotten.
func TestUnreadBoundsTheSensors(t *testing.T) {
	u := newUnread()
	for i := range DefaultMaxSensors + 100 {
		u.add(string(rune('a'+i%26))+time.Duration(i).String(), 1)
	}
	require.LessOrEqual(t, len(u.spans), DefaultMaxSensors+1)
	require.EqualValues(t, DefaultMaxSensors+100, u.count(0, 2, nil))
}

func TestStateCountsMalformed(t *testing.T) {
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	s := NewState(Limits{}, 0)
	require.NoError(t, s.Apply(&Record{Position: 1, Logged: at.Add(time.Minute), Received: at, Body: &Malformed{Hostname: "node-a"}}))
	for name, c := range map[string]struct {
		start, end time.Duration
		sensor     string
		want       uint64
	}{
		"in the window":              {-time.Minute, time.Minute, "", 1},
		"soon behind its end":        {-time.Hour, -time.Minute, "", 1},
		"long behind its end":        {-time.Hour, -6 * time.Minute, "", 0},
		"before its start":           {time.Minute, time.Hour, "", 0},
		"just before, clocks differ": {5 * time.Second, time.Hour, "", 1},
		"another sensor":             {-time.Minute, time.Minute, "node-b", 0},
		"its own sensor":             {-time.Minute, time.Minute, "node-a", 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, s.Malformed(Window{at.Add(c.start), at.Add(c.end)}, sensorsOf(c.sensor)))
		})
	}
}

// Without a consumer's clock the log's counts. What is older than the retention
// is let go of, as the alerts are, but not what a window at the floor touches.
func TestStateForgetsMalformed(t *testing.T) {
	s := NewState(Limits{Retention: time.Hour}, 0)
	apply := func(position uint64, logged time.Time, body Body) {
		require.NoError(t, s.Apply(&Record{Position: position, Logged: logged, Body: body}))
	}
	apply(1, epoch, &Malformed{Hostname: "node-a"})
	apply(2, epoch.Add(55*time.Second), &Malformed{Hostname: "node-b"})
	require.EqualValues(t, 2, s.Malformed(Window{epoch, epoch.Add(time.Minute)}, nil))
	apply(3, epoch.Add(time.Hour+time.Minute), &Drop{Hostname: "node-a"})
	floor := s.Index().Floor()
	require.Equal(t, epoch.Add(time.Minute), floor)
	require.Len(t, s.unread.spans, 1, "that of node-a is forgotten")
	require.EqualValues(t, 1, s.Malformed(Window{floor, floor.Add(time.Hour)}, nil))
}

// sensorsOf is a list of one, or nil for none.
func sensorsOf(sensor string) []string {
	if sensor == "" {
		return nil
	}
	return []string{sensor}
}
