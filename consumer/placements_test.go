package consumer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// placementLane stores what it is given, until it breaks.
type placementLane struct {
	records *[]*correlate.Record
	broken  error
	flushed int
	closed  bool
}

func (l *placementLane) Append(_ context.Context, records ...*correlate.Record) error {
	if l.broken != nil {
		return l.broken
	}
	*l.records = append(*l.records, records...)
	return nil
}

func (l *placementLane) Flush(context.Context) error {
	l.flushed = len(*l.records)
	return l.broken
}
func (l *placementLane) Close() { l.closed = true }

// placementLogs has one lane after the other.
type placementLogs struct {
	records []*correlate.Record
	lanes   []*placementLane
}

func (l *placementLogs) Append(context.Context, ...*correlate.Record) error {
	return errors.New("placements go through a lane")
}

func (l *placementLogs) NewLane() consumer.Lane {
	lane := &placementLane{records: &l.records}
	l.lanes = append(l.lanes, lane)
	return lane
}

func TestPlacementLog(t *testing.T) {
	var logs placementLogs
	now := time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)
	l, err := consumer.NewPlacementLog(consumer.PlacementLogOptions{Log: &logs, Watcher: "w", Now: func() time.Time { return now }})
	require.NoError(t, err)
	ctx := t.Context()
	told := func() []correlate.Told {
		var list []correlate.Told
		for _, rec := range logs.records {
			switch body := rec.Body.(type) {
			case *correlate.Placement:
				list = append(list, body.Told)
			case *correlate.Watch:
				list = append(list, body.Told)
			}
		}
		return list
	}

	n, err := l.Mark(ctx, correlate.Watching, 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, 1, logs.lanes[0].flushed, "a mark is stored when Mark returns")
	p := &correlate.Placement{UID: "1", Pod: "web"}
	require.NoError(t, l.Tell(ctx, p))
	require.Zero(t, p.Told, "what is told again is not changed")
	n, err = l.Mark(ctx, correlate.Listed, 1)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	first := uint64(now.UnixNano())
	require.Equal(t, []correlate.Told{{Watcher: "w", Session: first, Number: 1}, {Watcher: "w", Session: first, Number: 2}, {Watcher: "w", Session: first, Number: 3}}, told())
	require.Equal(t, &correlate.Watch{Told: told()[2], Phase: correlate.Listed, AsOf: 1}, logs.records[2].Body)
	require.Equal(t, consumer.TransportKubernetes, logs.records[0].Transport)
	require.Equal(t, now, logs.records[0].Received)
	ids := map[correlate.ID]bool{}
	for _, rec := range logs.records {
		ids[rec.ID] = true
	}
	require.Len(t, ids, 3)

	// A lane that broke may have lost what it held: another session says so, also when
	// the clock stands still.
	logs.lanes[0].broken = errors.New("broken")
	require.ErrorContains(t, l.Tell(ctx, p), "appending a placement of watcher w: broken")
	_, err = l.Mark(ctx, correlate.Watching, 0)
	require.ErrorContains(t, err, "broken")
	l.Restart()
	require.True(t, logs.lanes[0].closed)
	require.NoError(t, l.Tell(ctx, p))
	require.Equal(t, correlate.Told{Watcher: "w", Session: first + 1, Number: 1}, told()[3])
	l.Close()
	require.True(t, logs.lanes[1].closed)
}

func TestPlacementLogRefuses(t *testing.T) {
	for _, o := range []consumer.PlacementLogOptions{{}, {Watcher: "w"}, {Log: &placementLogs{}}} {
		_, err := consumer.NewPlacementLog(o)
		require.ErrorContains(t, err, "required")
	}
	reg := prometheus.NewRegistry()
	o := consumer.PlacementLogOptions{Log: &placementLogs{}, Watcher: "w", Registerer: reg}
	_, err := consumer.NewPlacementLog(o)
	require.NoError(t, err)
	_, err = consumer.NewPlacementLog(o)
	require.ErrorContains(t, err, "register")
}
