package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestStateApplies(t *testing.T) {
	var l tape
	s := NewState(Limits{Retention: time.Hour}, 0)
	require.Zero(t, s.Position())
	require.True(t, s.Logged().IsZero())
	bodies := []Body{
		&Alert{Hostname: "node-a", Rule: "r", Priority: Error, Time: epoch, OutputFields: Fields{{"k8s.ns.name", "a"}}},
		&Ruleset{Hostname: "node-a"}, snapshot("node-a", 1, 0), &Drop{Hostname: "node-a"},
		&Timeout{Hostname: "node-a"}, &Internal{Hostname: "node-a"}, &Malformed{},
	}
	for i, body := range bodies {
		rec := l.add(body)
		require.NoError(t, s.Apply(rec))
		require.EqualValues(t, i+1, s.Position())
		require.Equal(t, rec.Logged, s.Logged())
		require.Equal(t, rec.Logged.Add(-time.Hour), s.Index().Floor(), "every kind of record advances the index")
	}
	require.EqualValues(t, 1, s.Index().Stats().Alerts)
	require.Equal(t, 1, s.Sensors().Len())
	require.EqualValues(t, 1, s.Sensors().Unnamed())

	// Holes are ordinary; a log time that goes back is not believed.
	l.position += 100
	rec := l.add(&Drop{Hostname: "node-a"})
	rec.Logged = epoch.Add(-time.Hour)
	logged := s.Logged()
	require.NoError(t, s.Apply(rec))
	require.EqualValues(t, 108, s.Position())
	require.Equal(t, logged, s.Logged())
}

type stranger struct{ Drop }

func TestStateRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Record)
		err    string
	}{
		{"position zero", func(r *Record) { r.Position = 0 }, "state: log position does not grow: want 2 to"},
		{"the same position", func(r *Record) { r.Position = 1 }, "want 2 to 281474976710655, have 1"},
		{"a position that can't be", func(r *Record) { r.Position = 1 << 48 }, "have 281474976710656"},
		{"no log time", func(r *Record) { r.Logged = time.Time{} }, "state: record 2 has no log time"},
		{"no body", func(r *Record) { r.Body = nil }, "record 2 has a body of unknown type <nil>"},
		{"unknown body", func(r *Record) { r.Body = &stranger{} }, "unknown type *correlate.stranger"},
		{"alert without priority", func(r *Record) { r.Body = &Alert{Hostname: "node-a", Time: epoch} }, "state: index: record 2: alert of \"node-a\" has no valid priority"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l tape
			s := NewState(Limits{Retention: time.Hour}, 0)
			require.NoError(t, s.Apply(l.add(&Drop{Hostname: "node-a"})))
			stats, sensors := s.Index().Stats(), s.Sensors().List()
			rec := l.add(snapshot("node-a", 1, 0))
			tt.change(rec)
			require.ErrorContains(t, s.Apply(rec), tt.err)
			require.Equal(t, stats, s.Index().Stats())
			require.Equal(t, sensors, s.Sensors().List())
			require.EqualValues(t, 1, s.Position())
			require.NoError(t, s.Apply(&Record{Position: 2, Logged: epoch.Add(time.Hour), Body: &Drop{Hostname: "node-a"}}))
		})
	}
	err := NewState(Limits{}, 0).Apply(&Record{})
	require.ErrorIs(t, err, ErrPosition)
}

// Nodes come and go; those not heard for the retention make room.
func TestStateForgetsSensors(t *testing.T) {
	s := NewState(Limits{Retention: time.Hour}, 100)
	apply := func(position uint64, minute int, hostname string) {
		logged := epoch.Add(time.Duration(minute) * time.Minute)
		require.NoError(t, s.Apply(&Record{Position: position, Logged: logged, Received: logged, Body: &Drop{Hostname: hostname}}))
	}
	for i := range 1000 {
		apply(uint64(2*i)+1, i, "steady")
		apply(uint64(2*i)+2, i, fmt.Sprint("node-", i))
		require.LessOrEqual(t, s.Sensors().Len(), 1+61+2)
	}
	require.Zero(t, s.Sensors().Refused())
	_, ok := s.Sensors().Get("steady")
	require.True(t, ok)
	_, ok = s.Sensors().Get("node-940")
	require.True(t, ok, "heard within the retention")

	forever := NewState(Limits{}, 0)
	for i := range 100 {
		require.NoError(t, forever.Apply(&Record{Position: uint64(i) + 1, Logged: epoch.AddDate(i, 0, 0), Body: &Drop{Hostname: fmt.Sprint(i)}}))
	}
	require.Equal(t, 100, forever.Sensors().Len())
}

// The same log gives the same state, whatever was asked meanwhile.
func TestStateIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			Retention: rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "retention"),
			MaxBytes:  rapid.SampledFrom([]int64{0, 3_000}).Draw(t, "max bytes"),
		}
		a, b := NewState(limits, 2), NewState(limits, 2)
		w := &messages{logged: epoch}
		var log []*Record
		for range rapid.IntRange(0, 150).Draw(t, "n") {
			rec := w.draw(t)
			if hostname := rec.Body.Sensor(); rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
				rec.Body = snapshot(hostname, rapid.IntRange(0, 100).Draw(t, "second"), 1)
			} else if rapid.IntRange(0, 3).Draw(t, "unread") == 0 {
				rec.Body = &Malformed{Hostname: hostname}
			}
			log = append(log, rec)
			require.NoError(t, a.Apply(rec))
			if rapid.Bool().Draw(t, "ask") {
				_, err := a.Index().Count(drawQuery(t, w.logged))
				require.NoError(t, err)
				a.Sensors().List()
			}
		}
		for _, rec := range log {
			require.NoError(t, b.Apply(rec))
		}
		require.Equal(t, a.Position(), b.Position())
		require.Equal(t, a.Logged(), b.Logged())
		require.Equal(t, a.Index().Stats(), b.Index().Stats())
		require.Equal(t, a.Sensors().List(), b.Sensors().List())
		require.Equal(t, a.Sensors().Refused(), b.Sensors().Refused())
		require.Equal(t, a.unread, b.unread)
		for _, order := range []Order{NewestFirst, OldestFirst} {
			wantList, _, err := a.Index().List(everything(), order, len(log)+1, Cursor{})
			require.NoError(t, err)
			haveList, _, err := b.Index().List(everything(), order, len(log)+1, Cursor{})
			require.NoError(t, err)
			require.Equal(t, wantList, haveList)
		}
	})
}
