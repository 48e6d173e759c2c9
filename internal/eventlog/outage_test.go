package eventlog_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
)

// work appends through a lane and from many goroutines until it is stopped.
type work struct {
	laned, appended atomic.Int64 // acknowledged
	stop            chan struct{}
	wg              sync.WaitGroup
}

func startWork(ctx context.Context, t *testing.T, l *eventlog.Log) *work {
	w := &work{stop: make(chan struct{})}
	w.wg.Go(func() {
		lane := l.NewLane()
		defer lane.Close()
		for i := 0; ; i++ {
			if err := lane.Append(ctx, numbered("lane", i)); err != nil {
				t.Error(err)
				return
			}
			w.laned.Store(int64(i + 1))
			select {
			case <-w.stop:
				if err := lane.Flush(ctx); err != nil {
					t.Error(err)
				}
				return
			default:
			}
		}
	})
	var next atomic.Int64
	for range 32 {
		w.wg.Go(func() {
			for {
				select {
				case <-w.stop:
					return
				default:
				}
				if err := l.Append(ctx, numbered("http", int(next.Add(1)-1))); err != nil {
					t.Error(err)
					return
				}
				w.appended.Add(1)
			}
		})
	}
	return w
}

// progress waits until more was acknowledged.
func (w *work) progress(t *testing.T) {
	t.Helper()
	laned, appended := w.laned.Load(), w.appended.Load()
	// A lane's window is 512: beyond it, something was acknowledged.
	require.Eventually(t, func() bool {
		return w.laned.Load() > laned+1024 && w.appended.Load() > appended+200
	}, patience, time.Millisecond)
}

// finish ends the work and wants all of it in the log, once, the lane's in order.
func (w *work) finish(t *testing.T, l *eventlog.Log) {
	t.Helper()
	close(w.stop)
	w.wg.Wait()
	var lane int
	ids := map[correlate.ID]bool{}
	for _, r := range readAll(t, l, 0) {
		if r.Body.Sensor() == "lane" {
			require.Equal(t, testID("lane", lane), r.ID)
			lane++
			continue
		}
		require.False(t, ids[r.ID], "stored twice")
		ids[r.ID] = true
	}
	require.EqualValues(t, w.laned.Load(), lane)
	require.Len(t, ids, int(w.appended.Load()))
	for i := range len(ids) {
		require.True(t, ids[testID("http", i)])
	}
}

// TestServerRestarts kills and stops a nats-server several times during work.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	n := newNATS(t, "")
	reg := prometheus.NewRegistry()
	l := open(t, eventlog.Options{URL: n.url(), Logger: quiet, Registerer: reg})
	var tailed atomic.Int64
	done := make(chan error, 1)
	var next uint64 = 1
	tailCtx, stopTail := context.WithCancel(ctx)
	go func() {
		done <- l.Tail(tailCtx, 0, func(batch []*correlate.Record) error {
			for _, r := range batch {
				if r.Position != next {
					return fmt.Errorf("position %d after %d", r.Position, next-1)
				}
				next++
			}
			tailed.Store(int64(next - 1))
			return nil
		})
	}()
	w := startWork(ctx, t, l)
	w.progress(t)
	for i := range 4 {
		if i%2 == 0 {
			n.kill()
		} else {
			n.stop()
		}
		require.Eventually(t, func() bool { return !l.Connected() && l.Health() != nil }, patience, time.Millisecond)
		n.start()
		w.progress(t)
		require.NoError(t, l.Health())
	}
	w.finish(t, l)
	require.Zero(t, metric(t, reg, "falcogate_eventlog_reordered_total"))
	require.Positive(t, metric(t, reg, "falcogate_eventlog_append_retries_total"))
	require.Positive(t, metric(t, reg, "falcogate_eventlog_tail_restarts_total"))
	b, err := l.Bounds(ctx)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return tailed.Load() == int64(b.Last) }, patience, time.Millisecond)
	stopTail()
	require.ErrorIs(t, <-done, context.Canceled)
}

// TestNetworkCuts breaks the connection in the middle of what is being sent and
// of what is being answered.
func TestNetworkCuts(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	p := newProxy(t, newNATS(t, "").port)
	var count atomic.Int64
	p.set(func(p *proxy) {
		p.seen = func() {
			// Never at the same place of a window.
			if n := count.Add(1); n%3999 == 0 {
				go p.cut()
			}
		}
	})
	reg := prometheus.NewRegistry()
	l := open(t, eventlog.Options{URL: p.url(), Logger: quiet, Registerer: reg})
	w := startWork(ctx, t, l)
	for count.Load() < 25_000 {
		w.progress(t)
	}
	p.set(func(p *proxy) { p.seen = nil })
	w.finish(t, l)
	require.Zero(t, metric(t, reg, "falcogate_eventlog_reordered_total"))
	require.Positive(t, metric(t, reg, "falcogate_eventlog_append_retries_total"))
	require.Positive(t, metric(t, reg, "falcogate_eventlog_duplicates_total"), "acknowledgements were lost too")
}

// TestLostInTheMiddle loses one message of a lane on a connection that stands, as
// a cluster may when its leader changes. It is stored in the end, behind what was
// sent after it, and that is counted.
func TestLostInTheMiddle(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	p := newProxy(t, newNATS(t, "").port)
	var count atomic.Int64
	p.set(func(p *proxy) { p.lose = func(string) bool { return count.Add(1) == 5 } })
	reg := prometheus.NewRegistry()
	l := open(t, eventlog.Options{URL: p.url(), Logger: quiet, Registerer: reg})
	lane := l.NewLane()
	defer lane.Close()
	start := time.Now()
	for i := range 10 {
		require.NoError(t, lane.Append(ctx, numbered("lane", i)))
	}
	require.NoError(t, lane.Flush(ctx))
	require.Greater(t, time.Since(start), eventlog.AckTimeout)
	got := readAll(t, l, 0)
	require.Len(t, got, 10)
	require.Equal(t, testID("lane", 4), got[9].ID)
	// Each of the five behind it has a lower position now.
	require.Equal(t, 5, metric(t, reg, "falcogate_eventlog_reordered_total"))
	require.Equal(t, 1, metric(t, reg, "falcogate_eventlog_append_retries_total"))
	require.NoError(t, lane.Append(ctx, numbered("lane", 10)))
	require.NoError(t, lane.Flush(ctx))
	require.Equal(t, 5, metric(t, reg, "falcogate_eventlog_reordered_total"))
}

func TestServerComesUpLater(t *testing.T) {
	t.Parallel()
	n := newNATS(t, "")
	n.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := eventlog.Open(ctx, eventlog.Options{URL: n.url(), Logger: quiet})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, n.url())
	require.ErrorContains(t, err, "no servers available", "the reason is there too")

	opened := make(chan error, 1)
	go func() {
		l, err := eventlog.Open(testContext(t), eventlog.Options{URL: n.url(), Logger: quiet})
		if err == nil {
			err = l.Close(testContext(t))
		}
		opened <- err
	}()
	n.start()
	require.NoError(t, <-opened)
}

// TestBackpressure: while there is no log, a lane takes no more than its window,
// and an append waits for as long as its context lets it.
func TestBackpressure(t *testing.T) {
	t.Parallel()
	n := newNATS(t, "")
	l := open(t, eventlog.Options{URL: n.url(), Logger: quiet})
	n.stop()
	require.Eventually(t, func() bool { return !l.Connected() }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	lane := l.NewLane()
	defer lane.Close()
	taken := 0
	var err error
	for ; err == nil; taken++ {
		err = lane.Append(ctx, numbered("lane", taken))
	}
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 512, taken-1)
	require.ErrorIs(t, lane.Flush(ctx), context.DeadlineExceeded)
	require.ErrorIs(t, l.Append(ctx, numbered("http", 1)), context.DeadlineExceeded)
	_, err = l.Bounds(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, _, _, err = l.FindVerdict(ctx, verdictID(1))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	n.start()
	require.NoError(t, lane.Flush(testContext(t)), "it was only late")
	require.Len(t, readAll(t, l, 0), 512)
}

// TestCloseDuringOutage: what is blocked is let go, within the time that Close
// has.
func TestCloseDuringOutage(t *testing.T) {
	t.Parallel()
	n := newNATS(t, "")
	l := open(t, eventlog.Options{URL: n.url(), Logger: quiet})
	n.kill()
	appended, flushed := make(chan error, 1), make(chan error, 1)
	lane := l.NewLane()
	defer lane.Close()
	require.NoError(t, lane.Append(testContext(t), numbered("lane", 1)))
	go func() { appended <- l.Append(testContext(t), numbered("http", 1)) }()
	go func() { flushed <- lane.Flush(testContext(t)) }()
	require.Eventually(t, func() bool { return l.Health() != nil }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	require.NoError(t, l.Close(ctx))
	require.ErrorIs(t, <-appended, eventlog.ErrClosed)
	require.ErrorIs(t, <-flushed, eventlog.ErrClosed)
}

// TestRewound gives a server that comes back an older copy of its store, as after
// a power failure, and new records at the lost positions.
func TestRewound(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	n := newNATS(t, "")
	p := newProxy(t, n.port)
	l := open(t, eventlog.Options{URL: p.url(), Logger: quiet})
	for i := range 5 {
		require.NoError(t, l.Append(ctx, numbered("node", i)))
	}
	n.stop()
	older := t.TempDir()
	require.NoError(t, os.CopyFS(older, os.DirFS(n.dir)))
	n.start()

	at := make(chan uint64, 100)
	tails := make(chan error, 2)
	tail := func(from uint64) {
		tails <- l.Tail(ctx, from, func(batch []*correlate.Record) error {
			at <- batch[len(batch)-1].Position
			return nil
		})
	}
	go tail(1)
	for i := 5; i < 8; i++ {
		require.NoError(t, l.Append(ctx, numbered("node", i)))
	}
	for <-at < 8 {
	}
	p.set(func(p *proxy) { p.refuse = true })
	n.stop()
	require.NoError(t, os.RemoveAll(n.dir))
	require.NoError(t, os.CopyFS(n.dir, os.DirFS(older)))

	// Before the tail is back, others append: the log is longer than before.
	n.start()
	other := open(t, eventlog.Options{URL: n.url(), Logger: quiet})
	for i := 100; i < 110; i++ {
		require.NoError(t, other.Append(ctx, numbered("other", i)))
	}
	p.set(func(p *proxy) { p.refuse = false })
	err := <-tails
	require.ErrorIs(t, err, eventlog.ErrRewound)
	require.ErrorContains(t, err, "position 8")
	go tail(100)
	require.ErrorIs(t, <-tails, eventlog.ErrRewound)
	require.Len(t, readAll(t, l, 1), 15, "from the start it reads what there is")
}

func TestStreamThatDoesNotFit(t *testing.T) {
	t.Parallel()
	tests := map[string]jetstream.StreamConfig{
		"the subjects":         {Name: eventlog.LogStream, Subjects: []string{"something.else"}},
		"Memory storage":       {Name: eventlog.LogStream, Subjects: []string{"falcogate.log.>"}, Storage: jetstream.MemoryStorage},
		"max_msgs_per_subject": {Name: eventlog.LogStream, Subjects: []string{"falcogate.log.>"}, MaxMsgsPerSubject: 1},
		"retention policy":     {Name: eventlog.VerdictStream, Subjects: []string{"falcogate.verdict.>"}, Retention: jetstream.WorkQueuePolicy},
		"discard policy":       {Name: eventlog.VerdictStream, Subjects: []string{"falcogate.verdict.>"}, Discard: jetstream.DiscardNew},
		"overlap":              {Name: "SOMEBODY", Subjects: []string{"falcogate.>"}},
		"persist_mode async":   {Name: eventlog.LogStream, Subjects: []string{"falcogate.log.>"}, PersistMode: jetstream.AsyncPersistMode},
	}
	for what, config := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			url := newNATS(t, "").url()
			nc, err := nats.Connect(url)
			require.NoError(t, err)
			defer nc.Close()
			js, err := jetstream.New(nc)
			require.NoError(t, err)
			_, err = js.CreateStream(ctx, config)
			require.NoError(t, err)
			_, err = eventlog.Open(ctx, eventlog.Options{URL: url, Logger: quiet})
			require.ErrorIs(t, err, eventlog.ErrStreamMismatch)
			require.ErrorContains(t, err, what)
			stream, err := js.Stream(ctx, config.Name)
			require.NoError(t, err)
			require.Equal(t, config.Subjects, stream.CachedInfo().Config.Subjects, "it is left alone")
		})
	}
}

// TestStreamIsUpdated: what an operator has added to a stream stays.
func TestStreamIsUpdated(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	url := newNATS(t, "").url()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: eventlog.LogStream, Subjects: []string{"falcogate.log.>"}, Compression: jetstream.S2Compression, Description: "ours",
	})
	require.NoError(t, err)
	open(t, eventlog.Options{URL: url, Logger: quiet, Retention: 10 * time.Hour, MaxBytes: 5 << 20})
	stream, err := js.Stream(ctx, eventlog.LogStream)
	require.NoError(t, err)
	c := stream.CachedInfo().Config
	require.Equal(t, 11*time.Hour, c.MaxAge)
	require.EqualValues(t, 5<<20, c.MaxBytes)
	require.Equal(t, 2*time.Minute, c.Duplicates)
	require.True(t, c.AllowDirect)
	require.Equal(t, jetstream.S2Compression, c.Compression)
	require.Equal(t, "ours", c.Description)
}
