package eventlog_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
)

// numbered is an alert like Falco's, 0.7 kB in the log, and its own ID.
func numbered(sensor string, i int) *correlate.Record {
	a := &correlate.Alert{
		Hostname: sensor, Source: "syscall", Rule: "Terminal shell in container", Priority: correlate.Notice,
		Time:   time.Unix(1_700_000_000, int64(i)).UTC(),
		Output: "A shell was spawned in a container with an attached terminal (evt_type=execve user=root user_uid=0 user_loginuid=-1 process=bash proc_exepath=/usr/bin/bash parent=containerd-shim command=bash -i terminal=34816)",
		OutputFields: correlate.NewFields([]correlate.Field{
			{Name: "container.id", Value: "3ad7b26ded6d"}, {Name: "container.name", Value: "checkout"},
			{Name: "evt.type", Value: "execve"}, {Name: "k8s.ns.name", Value: "shop-shadow"}, {Name: "k8s.pod.name", Value: "checkout-7d5b8c9f4-x2x9k"},
			{Name: "proc.cmdline", Value: "bash -i"}, {Name: "proc.exepath", Value: "/usr/bin/bash"}, {Name: "proc.pname", Value: "containerd-shim"},
			{Name: "proc.tty", Value: "34816"}, {Name: "user.name", Value: "root"}, {Name: "user.uid", Value: "0"},
		}),
		Tags: []string{"T1059", "container", "maturity_stable", "mitre_execution", "shell"},
	}
	return &correlate.Record{ID: testID(sensor, i), Transport: "grpc", Received: a.Time, Body: a}
}

func testID(sensor string, i int) correlate.ID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", sensor, i))
	return correlate.ID(sum[:16])
}

var quiet = slog.New(slog.DiscardHandler)

func openEmbedded(t testing.TB, change ...func(*eventlog.Options)) *eventlog.Log {
	t.Helper()
	opts := eventlog.Options{DataDir: t.TempDir(), Logger: quiet}
	for _, c := range change {
		c(&opts)
	}
	return open(t, opts)
}

func open(t testing.TB, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l, err := eventlog.Open(ctx, opts)
	require.NoError(t, err)
	t.Cleanup(func() { closeLog(t, l) })
	return l
}

func closeLog(t testing.TB, l *eventlog.Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, l.Close(ctx))
}

// bareStream is a JetStream stream as nats.go's users have it, on a server like
// the embedded one.
func bareStream(b *testing.B) (jetstream.JetStream, jetstream.Stream) {
	s, err := server.NewServer(&server.Options{JetStream: true, StoreDir: b.TempDir(), DontListen: true, NoSigs: true, NoLog: true, SyncInterval: time.Second})
	require.NoError(b, err)
	s.Start()
	require.True(b, s.ReadyForConnections(patience))
	nc, err := nats.Connect("", nats.InProcessServer(s))
	require.NoError(b, err)
	b.Cleanup(func() { nc.Close(); s.Shutdown(); s.WaitForShutdown() })
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(512))
	require.NoError(b, err)
	stream, err := js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "BARE", Subjects: []string{"bare.>"}, Storage: jetstream.FileStorage, AllowDirect: true})
	require.NoError(b, err)
	return js, stream
}

func payload(b *testing.B, i int) ([]byte, string) {
	r := numbered("node-1", i)
	data, err := eventlog.EncodeRecord(nil, r)
	require.NoError(b, err)
	return data, r.ID.String()
}

func barePublish(b *testing.B, js jetstream.JetStream, n int) {
	data, _ := payload(b, 0)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = testID("bare", i).String()
	}
	b.ResetTimer()
	for i := range n {
		_, err := js.PublishAsync("bare.alert.shop-shadow.notice.node-1", data, jetstream.WithMsgID(ids[i]), jetstream.WithStallWait(time.Minute))
		require.NoError(b, err)
	}
	<-js.PublishAsyncComplete()
}

func BenchmarkBarePublishAsync(b *testing.B) {
	js, _ := bareStream(b)
	barePublish(b, js, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

func records(n int) []*correlate.Record {
	list := make([]*correlate.Record, n)
	for i := range list {
		list[i] = numbered("node-1", i)
	}
	return list
}

func benchmarkLane(b *testing.B, l *eventlog.Log) {
	list := records(b.N)
	lane := l.NewLane()
	defer lane.Close()
	b.ReportAllocs()
	b.ResetTimer()
	for _, r := range list {
		require.NoError(b, lane.Append(b.Context(), r))
	}
	require.NoError(b, lane.Flush(b.Context()))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

func BenchmarkLane(b *testing.B) { benchmarkLane(b, openEmbedded(b)) }

func BenchmarkLaneSyncAlways(b *testing.B) {
	benchmarkLane(b, openEmbedded(b, func(o *eventlog.Options) { o.SyncAlways = true }))
}

// benchmarkAppend has 64 goroutines that append one record at a time and wait, as
// HTTP handlers do.
func benchmarkAppend(b *testing.B, l *eventlog.Log, goroutines int) {
	list := records(b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range goroutines {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(list) {
					return
				}
				if err := l.Append(b.Context(), list[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

func BenchmarkAppend1(b *testing.B)  { benchmarkAppend(b, openEmbedded(b), 1) }
func BenchmarkAppend64(b *testing.B) { benchmarkAppend(b, openEmbedded(b), 64) }

func BenchmarkAppend1SyncAlways(b *testing.B) {
	benchmarkAppend(b, openEmbedded(b, func(o *eventlog.Options) { o.SyncAlways = true }), 1)
}

func BenchmarkAppend8SyncAlways(b *testing.B) {
	benchmarkAppend(b, openEmbedded(b, func(o *eventlog.Options) { o.SyncAlways = true }), 8)
}

func BenchmarkAppend16SyncAlways(b *testing.B) {
	benchmarkAppend(b, openEmbedded(b, func(o *eventlog.Options) { o.SyncAlways = true }), 16)
}

func BenchmarkAppend64SyncAlways(b *testing.B) {
	benchmarkAppend(b, openEmbedded(b, func(o *eventlog.Options) { o.SyncAlways = true }), 64)
}

// pair runs two ways of doing the same in turns, so that what else the machine
// does hits both, and reports the rate of each and their ratio.
func pair(b *testing.B, n int, bare, ours func(), before ...func()) {
	var spent, cpu [2]time.Duration
	for b.Loop() {
		for _, f := range before {
			f()
		}
		for i, f := range []func(){bare, ours} {
			start, used := time.Now(), cpuTime(b)
			f()
			spent[i] += time.Since(start)
			cpu[i] += cpuTime(b) - used
		}
	}
	total := float64(n * b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(total/spent[0].Seconds(), "bare-msgs/s")
	b.ReportMetric(total/spent[1].Seconds(), "msgs/s")
	b.ReportMetric(spent[0].Seconds()/spent[1].Seconds(), "ratio")
	b.ReportMetric(cpu[0].Seconds()/cpu[1].Seconds(), "cpu-ratio")
}

// cpuTime is what the process has used of all processors: less at the mercy of
// others than the clock is.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTailRatio reads the same records with a bare ordered consumer, which
// throws them away, and with Tail.
func BenchmarkTailRatio(b *testing.B) {
	const n = 200_000
	js, stream := bareStream(b)
	barePublish(b, js, n)
	l := openEmbedded(b)
	fillLog(b, l, n)
	pair(b, n, func() {
		c, err := stream.OrderedConsumer(b.Context(), jetstream.OrderedConsumerConfig{})
		require.NoError(b, err)
		done := make(chan struct{})
		seen := 0
		cc, err := c.Consume(func(jetstream.Msg) {
			if seen++; seen == n {
				close(done)
			}
		})
		require.NoError(b, err)
		<-done
		cc.Stop()
		<-cc.Closed()
	}, func() {
		seen := 0
		require.ErrorIs(b, l.Tail(b.Context(), 0, func(list []*correlate.Record) error {
			if seen += len(list); seen == n {
				return errEnough
			}
			return nil
		}), errEnough)
	})
}

func fillLog(b *testing.B, l *eventlog.Log, n int) {
	lane := l.NewLane()
	defer lane.Close()
	for i := range n {
		require.NoError(b, lane.Append(b.Context(), numbered("node-1", i)))
	}
	require.NoError(b, lane.Flush(b.Context()))
}

// BenchmarkLaneRatio publishes with nats.go's PublishAsync and appends to a lane,
// which encodes too.
func BenchmarkLaneRatio(b *testing.B) {
	const n = 20_000
	js, _ := bareStream(b)
	lane := openEmbedded(b).NewLane()
	defer lane.Close()
	data, _ := payload(b, 0)
	round := 0
	var ids []string
	var list []*correlate.Record
	pair(b, n, func() {
		for _, id := range ids {
			_, err := js.PublishAsync("bare.alert.shop-shadow.notice.node-1", data, jetstream.WithMsgID(id), jetstream.WithStallWait(time.Minute))
			require.NoError(b, err)
		}
		<-js.PublishAsyncComplete()
	}, func() {
		for _, r := range list {
			require.NoError(b, lane.Append(b.Context(), r))
		}
		require.NoError(b, lane.Flush(b.Context()))
	}, func() {
		ids, list = ids[:0], list[:0]
		for i := range n {
			r := numbered("node-1", round*n+i)
			ids, list = append(ids, r.ID.String()), append(list, r)
		}
		round++
	})
}

var errEnough = fmt.Errorf("enough")

func BenchmarkEncode(b *testing.B) {
	r := numbered("node-1", 1)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = eventlog.EncodeRecord(buf[:0], r); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecode(b *testing.B) {
	data, _ := payload(b, 1)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := eventlog.DecodeRecord(data); err != nil {
			b.Fatal(err)
		}
	}
}
