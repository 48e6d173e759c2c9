package eventlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
)

// suite is what an event log must do wherever it is kept. fresh gives options for
// a new one; opened twice, they are the same one.
var suite = map[string]func(t *testing.T, fresh eventlog.Options){
	"append, tail and read":      testAppendTailRead,
	"lane":                       testLane,
	"tail goes on":               testTailGoesOn,
	"duplicates":                 testDuplicates,
	"concurrent appends":         testConcurrentAppends,
	"unknown schema version":     testUnknownVersion,
	"corrupt record":             testCorruptRecord,
	"record that is too large":   testTooLarge,
	"retention by bytes":         testRetentionBytes,
	"retention by age":           testRetentionAge,
	"open again":                 testOpenAgain,
	"connection cut":             testConnectionCut,
	"which log it is":            testIdentity,
	"verdicts":                   testVerdicts,
	"find a verdict":             testFindVerdict,
	"find one of many":           testFindOneOfMany,
	"find one published twice":   testFindTwice,
	"find an evicted verdict":    testFindEvicted,
	"gates":                      testGates,
	"rollouts":                   testRollouts,
	"watch of gates":             testWatchGates,
	"close":                      testClose,
	"an error of the tail's own": testTailError,
}

func TestEmbedded(t *testing.T) {
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, eventlog.Options{DataDir: t.TempDir(), Logger: quiet})
		})
	}
}

func TestEmbeddedSyncAlways(t *testing.T) {
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, eventlog.Options{DataDir: t.TempDir(), Logger: quiet, SyncAlways: true})
		})
	}
}

func TestExternal(t *testing.T) {
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, eventlog.Options{URL: newNATS(t, "").url(), Logger: quiet})
		})
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}

// oneOfEach has a record of every kind, in the order of their times.
func oneOfEach() []*correlate.Record {
	at := time.Unix(1_700_000_000, 5).UTC()
	all := []correlate.Body{
		&correlate.Ruleset{Hostname: "node-1", Time: at, ID: [16]byte{1}, Rules: []string{"a", "b"}, Version: "0.43.1"},
		&correlate.Snapshot{Hostname: "node-1", Time: at, Ruleset: [16]byte{1}, RuleMatches: []uint64{1, 2}, MatchesTotal: correlate.Counter{N: 3, Reported: true}},
		&correlate.Alert{Hostname: "node-1", Source: "syscall", Rule: "r", Priority: correlate.Emergency, Time: at, Output: "o", Tags: []string{"t"}},
		&correlate.Drop{Hostname: "node-1", Time: at, Drops: correlate.Counter{N: 1, Reported: true}},
		&correlate.Timeout{Hostname: "node-1", Time: at, LastEventTime: "x"},
		&correlate.Internal{Hostname: "node-1", Time: at, Rule: "r"},
		&correlate.Malformed{Hostname: "node-1", Peer: "p", Reason: "r", Size: 1, Raw: []byte{0xff}},
	}
	records := make([]*correlate.Record, len(all))
	for i, b := range all {
		records[i] = &correlate.Record{Received: at, Transport: "http", ID: testID(b.Kind(), i), Body: b}
	}
	return records
}

// readAll tails the log from a position up to where it ends now.
func readAll(t *testing.T, l *eventlog.Log, from uint64) []*correlate.Record {
	t.Helper()
	ctx := testContext(t)
	bounds, err := l.Bounds(ctx)
	require.NoError(t, err)
	if max(bounds.First, from) > bounds.Last {
		return nil
	}
	var all []*correlate.Record
	err = l.Tail(ctx, from, func(batch []*correlate.Record) error {
		require.NotEmpty(t, batch)
		all = append(all, batch...)
		if all[len(all)-1].Position >= bounds.Last {
			return errEnough
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough)
	for i, r := range all {
		require.NotZero(t, r.Logged)
		if i > 0 {
			require.Greater(t, r.Position, all[i-1].Position)
			require.False(t, r.Logged.Before(all[i-1].Logged))
		}
	}
	return all
}

func testAppendTailRead(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	require.True(t, l.Connected())
	require.NoError(t, l.Health())
	b, err := l.Bounds(ctx)
	require.NoError(t, err)
	require.Equal(t, correlate.Bounds{First: 1, Last: 0, Created: b.Created}, b)
	_, err = l.Read(ctx, 1)
	require.ErrorIs(t, err, eventlog.ErrNotRetained)

	before := time.Now().Add(-time.Second)
	records := oneOfEach()
	require.NoError(t, l.Append(ctx, records...))
	require.NoError(t, l.Append(ctx), "nothing is stored at once")

	got := readAll(t, l, 0)
	require.Len(t, got, len(records))
	positions := make([]uint64, len(got))
	for i, r := range got {
		positions[i] = uint64(i + 1)
		require.Equal(t, positions[i], r.Position)
		require.WithinRange(t, r.Logged, before, time.Now().Add(time.Second))

		one, err := l.Read(ctx, r.Position)
		require.NoError(t, err)
		require.Equal(t, r, one, "Read and Tail give the same")

		r := *r
		r.Position, r.Logged = 0, time.Time{}
		require.Equal(t, records[i], &r)
	}
	require.Equal(t, got, readAll(t, l, 1))
	require.Equal(t, got[3:], readAll(t, l, 4))

	slices.Reverse(positions)
	many, err := l.ReadMany(ctx, append(positions, 0, 99))
	require.NoError(t, err)
	slices.Reverse(got)
	require.Equal(t, append(got, nil, nil), many)

	after, err := l.Bounds(ctx)
	require.NoError(t, err)
	require.Equal(t, correlate.Bounds{First: 1, Last: uint64(len(records)), FirstTime: many[len(records)-1].Logged, Created: b.Created}, after)
}

func testLane(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	// Several windows, in several lanes at a time.
	const lanes, each = 4, 3000
	var wg sync.WaitGroup
	for n := range lanes {
		wg.Go(func() {
			lane := l.NewLane()
			defer lane.Close()
			sensor := fmt.Sprintf("node-%d", n)
			for i := 0; i < each; i += 3 {
				if err := lane.Append(ctx, numbered(sensor, i), numbered(sensor, i+1), numbered(sensor, i+2)); err != nil {
					t.Error(err)
					return
				}
			}
			if err := lane.Flush(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	requireOrder(t, readAll(t, l, 0), lanes, each)
}

// requireOrder wants the alerts of numbered from each of a number of sensors:
// all, once, in order.
func requireOrder(t *testing.T, records []*correlate.Record, sensors, each int) {
	t.Helper()
	seen := map[string]int{}
	for _, r := range records {
		sensor := r.Body.Sensor()
		require.Equal(t, testID(sensor, seen[sensor]), r.ID, "%s: after %d", sensor, seen[sensor])
		seen[sensor]++
	}
	require.Len(t, seen, sensors)
	for sensor, n := range seen {
		require.Equal(t, each, n, sensor)
	}
}

func testTailGoesOn(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	got := make(chan correlate.ID)
	done := make(chan error, 1)
	tailCtx, stop := context.WithCancelCause(ctx)
	go func() {
		done <- l.Tail(tailCtx, 0, func(batch []*correlate.Record) error {
			for _, r := range batch {
				got <- r.ID
			}
			return nil
		})
	}()
	for i := range 20 {
		r := numbered("node-1", i)
		require.NoError(t, l.Append(ctx, r))
		require.Equal(t, r.ID, <-got, "each arrives without another behind it")
	}
	stop(errEnough)
	require.ErrorIs(t, <-done, errEnough)
}

func testDuplicates(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	reg := prometheus.NewRegistry()
	fresh.Registerer = reg
	l := open(t, fresh)
	r := numbered("node-1", 1)
	require.NoError(t, l.Append(ctx, r))
	require.NoError(t, l.Append(ctx, r))
	require.NoError(t, l.Append(ctx, numbered("node-1", 2), r, r, numbered("node-1", 3)))
	lane := l.NewLane()
	defer lane.Close()
	for i := range 100 {
		require.NoError(t, lane.Append(ctx, numbered("node-1", i), r))
	}
	require.NoError(t, lane.Flush(ctx))

	nameless := numbered("node-1", 1000)
	nameless.ID = correlate.ID{}
	require.NoError(t, l.Append(ctx, nameless))
	require.NoError(t, l.Append(ctx, nameless, nameless))

	seen := map[correlate.ID]int{}
	for _, r := range readAll(t, l, 0) {
		seen[r.ID]++
	}
	require.Len(t, seen, 101)
	for id, n := range seen {
		if id == (correlate.ID{}) {
			require.Equal(t, 3, n, "what has no name can't be a duplicate")
		} else {
			require.Equal(t, 1, n)
		}
	}
	// One by one: r again, twice in one call, 1 to 3 in the lane, and r 100 times.
	require.Equal(t, 1+2+3+100, metric(t, reg, "falcogate_eventlog_duplicates_total"))
	require.Equal(t, 2+4+200+3, metric(t, reg, "falcogate_eventlog_appended_total"))
	require.Zero(t, metric(t, reg, "falcogate_eventlog_reordered_total"))
}

// metric sums a metric over its labels.
func metric(t testing.TB, reg *prometheus.Registry, name string) int {
	t.Helper()
	sum := 0
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += int(m.GetCounter().GetValue()) + int(m.GetGauge().GetValue()) + int(m.GetHistogram().GetSampleCount())
			}
			return sum
		}
	}
	require.Fail(t, "no such metric", name)
	return 0
}

func testConcurrentAppends(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	const appenders, each = 64, 20
	var wg sync.WaitGroup
	for n := range appenders {
		wg.Go(func() {
			for i := range each {
				if err := l.Append(ctx, numbered(fmt.Sprintf("node-%d", n), i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	requireOrder(t, readAll(t, l, 0), appenders, each)
}

func testUnknownVersion(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	require.NoError(t, l.Append(ctx, numbered("node-1", 1)))
	require.NoError(t, l.StoreRaw(ctx, "falcogate.log.alert.shop.warning.node-1", "later", []byte{0x08, 0x03}))
	delivered := 0
	err := l.Tail(ctx, 0, func(batch []*correlate.Record) error { delivered += len(batch); return nil })
	require.ErrorIs(t, err, eventlog.ErrSchemaVersion)
	require.ErrorContains(t, err, "position 2")
	require.LessOrEqual(t, delivered, 1)
	_, err = l.Read(ctx, 2)
	require.ErrorIs(t, err, eventlog.ErrSchemaVersion)
	_, err = l.ReadMany(ctx, []uint64{1, 2})
	require.ErrorIs(t, err, eventlog.ErrSchemaVersion)
}

func testCorruptRecord(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	raw := []byte(strings.Repeat("{", 2000))
	require.NoError(t, l.StoreRaw(ctx, "falcogate.log.alert.shop.warning.node=2Eone", "torn", raw))
	got := readAll(t, l, 0)
	require.Len(t, got, 1)
	m, ok := got[0].Body.(*correlate.Malformed)
	require.True(t, ok)
	require.Equal(t, "node.one", m.Hostname)
	require.Contains(t, m.Reason, "corrupt")
	require.Equal(t, 2000, m.Size)
	require.Equal(t, raw[:correlate.MalformedRawBytes], m.Raw)
	require.EqualValues(t, 1, got[0].Position)
	_, err := l.Read(ctx, 1)
	require.ErrorIs(t, err, eventlog.ErrCorrupt)
}

func testTooLarge(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	large := numbered("node-1", 1)
	large.Body.(*correlate.Alert).Output = strings.Repeat("x", 2<<20)
	require.ErrorIs(t, l.Append(ctx, large), eventlog.ErrTooLarge)

	lane := l.NewLane()
	defer lane.Close()
	require.NoError(t, lane.Append(ctx, numbered("node-1", 2), large))
	const behind = 400
	for i := range behind {
		require.NoError(t, lane.Append(ctx, numbered("node-1", 100+i)))
	}
	require.NoError(t, lane.Flush(ctx), "one record that is refused takes no other with it")
	var refused []*correlate.Malformed
	next := 100
	for _, r := range readAll(t, l, 0) {
		if m, ok := r.Body.(*correlate.Malformed); ok {
			refused = append(refused, m)
		} else if r.ID == testID("node-1", next) {
			next++
		}
	}
	require.Equal(t, 100+behind, next, "all that came behind it, in order")
	require.Len(t, refused, 1)
	require.Equal(t, "node-1", refused[0].Hostname)
	require.Contains(t, refused[0].Reason, "max_payload")
	require.Greater(t, refused[0].Size, 2<<20)

	require.ErrorIs(t, l.Append(ctx, &correlate.Record{}), eventlog.ErrRefused)
	require.NoError(t, l.Append(ctx, numbered("node-1", 4)), "the log goes on")
	got := readAll(t, l, 0)
	require.Equal(t, testID("node-1", 4), got[len(got)-1].ID)
	require.NoError(t, l.Health())
}

func testRetentionBytes(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	fresh.MaxBytes = 1 << 20
	l := open(t, fresh)
	lane := l.NewLane()
	defer lane.Close()
	const n = 4000
	for i := range n {
		require.NoError(t, lane.Append(ctx, numbered("node-1", i)))
	}
	require.NoError(t, lane.Flush(ctx))
	b, err := l.Bounds(ctx)
	require.NoError(t, err)
	require.EqualValues(t, n, b.Last)
	require.Greater(t, b.First, uint64(n/2), "four times as much was appended as there is room for")
	require.NotZero(t, b.FirstTime)
	got := readAll(t, l, 0)
	require.Equal(t, b.First, got[0].Position)
	require.Equal(t, b.FirstTime, got[0].Logged)
	require.Len(t, got, int(b.Last-b.First+1))
	require.Equal(t, got, readAll(t, l, 5), "from an evicted position, the next that is kept comes")
	_, err = l.Read(ctx, b.First-1)
	require.ErrorIs(t, err, eventlog.ErrNotRetained)
	many, err := l.ReadMany(ctx, []uint64{b.First - 1, b.First})
	require.NoError(t, err)
	require.Nil(t, many[0])
	require.Equal(t, got[0], many[1])
}

func testRetentionAge(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	fresh.Retention = 500 * time.Millisecond
	l := open(t, fresh)
	require.NoError(t, l.Append(ctx, oneOfEach()...))
	require.Eventually(t, func() bool {
		b, err := l.Bounds(ctx)
		require.NoError(t, err)
		return b.First == 8 && b.Last == 7 && b.FirstTime.IsZero()
	}, patience, 20*time.Millisecond)
	_, err := l.Read(ctx, 7)
	require.ErrorIs(t, err, eventlog.ErrNotRetained)
	// A tail from what was evicted waits for what comes, and gets it.
	require.NoError(t, l.Append(ctx, numbered("node-1", 1)))
	require.EqualValues(t, 8, readAll(t, l, 3)[0].Position)
}

func testOpenAgain(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	require.NoError(t, l.Append(ctx, numbered("node-1", 1), numbered("node-1", 2)))
	before := readAll(t, l, 0)
	closeLog(t, l)

	// The same limits change nothing.
	var told bytes.Buffer
	same := fresh
	same.Logger = slog.New(slog.NewTextHandler(&told, nil))
	closeLog(t, open(t, same))
	require.NotContains(t, told.String(), "settings are changed")

	// Other limits are taken over.
	fresh.Retention, fresh.MaxBytes = 48*time.Hour, 1<<30
	l = open(t, fresh)
	require.Equal(t, before, readAll(t, l, 0))
	require.NoError(t, l.Append(ctx, numbered("node-1", 2), numbered("node-1", 3)))
	after := readAll(t, l, 0)
	require.Len(t, after, 3, "ids are known across a restart")
	require.EqualValues(t, 3, after[2].Position)
}

// testConnectionCut ends the connection again and again while a lane, appends and
// a tail are at work.
func testConnectionCut(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	reg := prometheus.NewRegistry()
	fresh.Registerer = reg
	l := open(t, fresh)
	const each = 6000
	enough := make(chan struct{})
	cutter := make(chan struct{})
	go func() {
		defer close(cutter)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range 15 {
			select {
			case <-tick.C:
				l.CutConnection()
			case <-enough:
				return
			}
		}
	}()
	tailed := make(chan []*correlate.Record, 1)
	go func() {
		var all []*correlate.Record
		err := l.Tail(ctx, 0, func(batch []*correlate.Record) error {
			if all = append(all, batch...); len(all) == 3*each {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			t.Error(err)
		}
		tailed <- all
	}()
	var wg sync.WaitGroup
	for n := range 2 {
		wg.Go(func() {
			lane := l.NewLane()
			defer lane.Close()
			for i := range each {
				if err := lane.Append(ctx, numbered(fmt.Sprintf("node-%d", n), i)); err != nil {
					t.Error(err)
					return
				}
			}
			if err := lane.Flush(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for n := range 10 {
		wg.Go(func() {
			for i := n; i < each; i += 10 {
				if err := l.Append(ctx, numbered("http", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(enough)
	<-cutter
	all := <-tailed
	require.Equal(t, all, readAll(t, l, 0))
	// The appends ran side by side: all and once is what they are owed.
	ids := map[correlate.ID]bool{}
	ordered := slices.DeleteFunc(all, func(r *correlate.Record) bool {
		if r.Body.Sensor() == "http" {
			ids[r.ID] = true
			return true
		}
		return false
	})
	require.Len(t, ids, each)
	requireOrder(t, ordered, 2, each)
	require.Zero(t, metric(t, reg, "falcogate_eventlog_reordered_total"))
	require.Equal(t, 1, metric(t, reg, "falcogate_eventlog_connected"))
}

func testVerdicts(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	subject := eventlog.VerdictSubject("shop-shadow", "fail")
	header := map[string]string{"ce-id": "v1", "ce-specversion": "1.0", "Content-Type": "application/json"}
	position, duplicate, err := l.PublishVerdict(ctx, subject, "v1", header, []byte(`{}`))
	require.NoError(t, err)
	require.EqualValues(t, 1, position)
	require.False(t, duplicate)
	position, duplicate, err = l.PublishVerdict(ctx, subject, "v1", header, []byte(`{"other":1}`))
	require.NoError(t, err)
	require.EqualValues(t, 1, position)
	require.True(t, duplicate)
	position, duplicate, err = l.PublishVerdict(ctx, subject, "v2", nil, []byte(`{}`))
	require.NoError(t, err)
	require.EqualValues(t, 2, position)
	require.False(t, duplicate)

	// Who has stopped waiting sends nothing.
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = l.PublishVerdict(over, subject, "late", nil, []byte(`{}`))
	require.ErrorIs(t, err, context.Canceled)
	position, _, err = l.PublishVerdict(ctx, subject, "v3", nil, []byte(`{}`))
	require.NoError(t, err)
	require.EqualValues(t, 3, position)

	_, _, err = l.PublishVerdict(ctx, subject, "", nil, nil)
	require.ErrorIs(t, err, eventlog.ErrRefused)
	_, _, err = l.PublishVerdict(ctx, "falcogate.log.alert.x", "v3", nil, nil)
	require.ErrorIs(t, err, eventlog.ErrRefused)
	b, err := l.Bounds(ctx)
	require.NoError(t, err)
	require.Zero(t, b.Last, "verdicts are not in the log")
}

func testClose(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	require.NoError(t, l.Append(ctx, numbered("node-1", 1)))
	reading := make(chan struct{})
	tail := make(chan error, 1)
	go func() {
		tail <- l.Tail(ctx, 0, func([]*correlate.Record) error { close(reading); return nil })
	}()
	<-reading
	lane := l.NewLane()
	closeLog(t, l)
	closeLog(t, l)
	require.ErrorIs(t, <-tail, eventlog.ErrClosed)
	require.False(t, l.Connected())
	require.ErrorIs(t, l.Health(), eventlog.ErrClosed)
	require.ErrorIs(t, l.Append(ctx, numbered("node-1", 2)), eventlog.ErrClosed)
	require.ErrorIs(t, lane.Append(ctx, numbered("node-1", 2)), eventlog.ErrClosed)
	lane.Close()
	lane.Close()
	require.ErrorIs(t, lane.Flush(ctx), eventlog.ErrClosed)
	_, err := l.Read(ctx, 1)
	require.ErrorIs(t, err, eventlog.ErrClosed)
	_, err = l.Bounds(ctx)
	require.ErrorIs(t, err, eventlog.ErrClosed)
	_, _, _, err = l.FindVerdict(ctx, verdictID(1))
	require.ErrorIs(t, err, eventlog.ErrClosed)
	_, _, err = l.PublishVerdict(ctx, eventlog.VerdictSubject("a", "pass"), "v", nil, nil)
	require.ErrorIs(t, err, eventlog.ErrClosed)
	require.ErrorIs(t, l.Tail(ctx, 0, nil), eventlog.ErrClosed)
}

func testTailError(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	require.NoError(t, l.Append(ctx, oneOfEach()...))
	calls := 0
	require.Equal(t, errEnough, l.Tail(ctx, 0, func([]*correlate.Record) error { calls++; return errEnough }))
	require.Equal(t, 1, calls)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, l.Tail(ended, 0, nil), context.Canceled)
	require.ErrorIs(t, l.Tail(ctx, 100, nil), eventlog.ErrRewound, "the caller has read what is not there")
}

func TestSecondOpenIsRefused(t *testing.T) {
	ctx := testContext(t)
	opts := eventlog.Options{DataDir: t.TempDir(), Logger: quiet}
	l := open(t, opts)
	_, err := eventlog.Open(ctx, opts)
	require.ErrorIs(t, err, eventlog.ErrLocked)
	require.ErrorContains(t, err, opts.DataDir)
	require.NoError(t, l.Append(ctx, numbered("node-1", 1)), "the first is not disturbed")
	closeLog(t, l)
	l = open(t, opts)
	require.Len(t, readAll(t, l, 0), 1)
}

// TestStoreThatCannotBeUsed: the server's own reason comes out, and the directory
// is let go of.
func TestStoreThatCannotBeUsed(t *testing.T) {
	opts := eventlog.Options{DataDir: t.TempDir(), Logger: quiet}
	blocked := filepath.Join(opts.DataDir, "jetstream")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	_, err := eventlog.Open(testContext(t), opts)
	require.ErrorContains(t, err, opts.DataDir)
	require.ErrorContains(t, err, "JetStream")
	require.NoError(t, os.Remove(blocked))
	open(t, opts)

	opts.DataDir = filepath.Join(t.TempDir(), "made", "for", "it")
	open(t, opts)
}

func TestMetricsAreUsableAgain(t *testing.T) {
	reg := prometheus.NewRegistry()
	opts := eventlog.Options{DataDir: t.TempDir(), Logger: quiet, Registerer: reg}
	l := open(t, opts)
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	_, err = eventlog.Open(testContext(t), eventlog.Options{DataDir: t.TempDir(), Logger: quiet, Registerer: reg})
	require.Error(t, err, "two logs can't share a registry")
	closeLog(t, l)
	closeLog(t, open(t, opts))
}

func TestOptionsAreChecked(t *testing.T) {
	dir := t.TempDir()
	tests := map[string]eventlog.Options{
		"neither a NATS URL": {},
		"retention":          {DataDir: dir, Retention: time.Millisecond},
		"bytes at most":      {DataDir: dir, MaxBytes: 5},
		"replicas":           {URL: "nats://localhost", Replicas: 2},
		"embedded server":    {DataDir: dir, Replicas: 3},
		"listen address":     {DataDir: dir, NATSListen: "4222"},
		"only the embedded":  {URL: "nats://localhost", NATSListen: "127.0.0.1:0"},
		"sync-always":        {URL: "nats://localhost", SyncAlways: true},
		"credentials":        {URL: "nats://localhost", CredsFile: filepath.Join(dir, "none")},
		"NATS URL number 2":  {URL: "nats://localhost,nats://user:secret@ x"},
	}
	for want, opts := range tests {
		opts.Logger = quiet
		_, err := eventlog.Open(testContext(t), opts)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
