package falcogrpc

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// A recording comes through as it was written: the same records as from Falco's
// file, in the same order.
func TestReaderTakesARecording(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	fromFile := newMemoryLog()
	in, err := consumer.NewIntake(consumer.IntakeOptions{Log: fromFile, Logger: quiet})
	require.NoError(t, err)
	for _, line := range readLines(t, "alert", "truth") {
		a, err := consumer.DecodeJSON(line)
		require.NoError(t, err)
		require.NoError(t, in.Accept(t.Context(), consumer.Message{Transport: consumer.TransportFile}, a))
		require.NoError(t, s.Send(t.Context(), line))
	}
	r := start(t, newMemoryLog(), ReaderOptions{Target: address})
	want := fromFile.all()
	have := r.log.await(t, len(want))
	require.Len(t, have, len(want))
	for i := range want {
		require.Equal(t, want[i].Body, have[i].Body)
		require.Equal(t, want[i].ID, have[i].ID)
		require.Equal(t, "grpc", have[i].Transport)
		require.WithinDuration(t, time.Now(), have[i].Received, time.Minute)
	}
	require.InDelta(t, 43, testutil.ToFloat64(r.metrics.messages), 0)
	require.InDelta(t, 1, testutil.ToFloat64(r.metrics.connected), 0)
	r.stop()
	require.NoError(t, <-r.done)
	require.InDelta(t, 0, testutil.ToFloat64(r.metrics.connected), 0)
	require.Equal(t, 1, r.log.flushes)
}

func TestReaderOverMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	s := serve(t, ServerOptions{Address: "127.0.0.1:0", TLS: ca.server(t)})
	send(t, s, 0, 100)

	// Without a certificate of this authority nothing is taken.
	stranger := newAuthority(t).client(t)
	stranger.RootCAs = ca.pool
	refused := start(t, newMemoryLog(), ReaderOptions{Target: s.Addr().String(), TLS: stranger})
	require.Eventually(t, func() bool { return testutil.ToFloat64(refused.metrics.ended) >= 2 }, 30*time.Second, time.Millisecond)
	require.Empty(t, refused.log.all())
	require.InDelta(t, 0, testutil.ToFloat64(refused.metrics.connected), 0)
	refused.stop()
	require.NoError(t, <-refused.done)

	r := start(t, newMemoryLog(), ReaderOptions{Target: "dns:///" + s.Addr().String(), TLS: ca.client(t)})
	require.Equal(t, upTo(100), numbered(t, r.log.await(t, 100)))
}

// Falco comes later than we do, stops, and comes again, several times: what it
// sent is there, once and in order.
func TestReaderOutlivesFalco(t *testing.T) {
	address := socket(t)
	r := start(t, newMemoryLog(), ReaderOptions{Target: address})
	require.Eventually(t, func() bool { return testutil.ToFloat64(r.metrics.ended) >= 1 }, 30*time.Second, time.Millisecond)
	for run := range 3 {
		s, err := NewServer(ServerOptions{Address: address})
		require.NoError(t, err)
		send(t, s, run*1000, (run+1)*1000)
		require.NoError(t, s.Drain(t.Context()))
		require.NoError(t, s.Close())
	}
	require.Equal(t, upTo(3000), numbered(t, r.log.await(t, 3000)))
	require.GreaterOrEqual(t, testutil.ToFloat64(r.metrics.ended), 3.0)
}

// A message that can't be decoded is kept as malformed, and what is behind it
// comes.
func TestReaderPassesOverMalformedMessages(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	send(t, s, 0, 1)
	broken := append(wireOf(t, response()), field(fieldRule, "\xff"+strings.Repeat("x", 3000))...)
	require.NoError(t, s.queue.push(t.Context(), queued{response: broken}, 0))
	require.NoError(t, s.queue.push(t.Context(), queued{response: []byte{0xff}}, 0))
	send(t, s, 1, 2)
	r := start(t, newMemoryLog(), ReaderOptions{Target: address})
	records := r.log.await(t, 4)
	require.Equal(t, upTo(2), numbered(t, records))

	first := records[1].Body.(*correlate.Malformed)
	require.Equal(t, "node-a", first.Hostname)
	require.Equal(t, address, first.Peer)
	require.Equal(t, len(broken), first.Size)
	require.Equal(t, broken[:correlate.MalformedRawBytes], first.Raw)
	require.Contains(t, first.Reason, "rule: want UTF-8")
	second := records[2].Body.(*correlate.Malformed)
	require.Equal(t, []byte{0xff}, second.Raw)
	require.Contains(t, second.Reason, "wire format")
}

// While the log is away the reader takes no more than what is in flight: Falco's
// queue holds the rest. Then all comes, in order.
func TestReaderStopsWhileTheLogIsAway(t *testing.T) {
	const all = 20_000
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	log := newMemoryLog()
	comeBack := log.goAway()
	r := start(t, log, ReaderOptions{Target: address})
	send(t, s, 0, all)

	// It has stalled once nothing was taken for a while.
	left, since := -1, time.Now()
	require.Eventually(t, func() bool {
		s.queue.mu.Lock()
		defer s.queue.mu.Unlock()
		if len(s.queue.items) != left {
			left, since = len(s.queue.items), time.Now()
		}
		return left < all && time.Since(since) > 300*time.Millisecond
	}, 30*time.Second, 10*time.Millisecond)
	require.Greater(t, left, all/2, "Falco's queue holds the rest")
	require.Empty(t, log.all())
	require.LessOrEqual(t, testutil.ToFloat64(r.metrics.messages), 1.0, "nothing is kept between stream and log")

	comeBack()
	require.Equal(t, upTo(all), numbered(t, log.await(t, all)))
}

// A reader that stops takes what is on its way: what is neither in the log nor
// in Falco's queue is lost.
func TestReaderTakesWhatIsInFlightAtTheEnd(t *testing.T) {
	const all = 20_000
	address := socket(t)
	s := serve(t, ServerOptions{Address: address, Capacity: 100})
	r := start(t, newMemoryLog(), ReaderOptions{Target: address, DrainTimeout: 30 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan int)
	go func() {
		n := 0
		for ; n < all && s.Send(ctx, line(n)) == nil; n++ {
		}
		sent <- n
	}()
	r.log.await(t, 1000)
	r.stop()
	require.NoError(t, <-r.done)
	cancel()
	n := <-sent
	s.queue.mu.Lock()
	left := len(s.queue.items)
	s.queue.mu.Unlock()
	stored := numbered(t, r.log.all())
	require.GreaterOrEqual(t, len(stored), 1000)
	require.Equal(t, upTo(n-left), stored)
}

// The end is bounded though the log is away, and Run says that something may be
// lost.
func TestReaderStopsThoughTheLogIsAway(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	log := newMemoryLog()
	comeBack := log.goAway()
	defer comeBack()
	r := start(t, log, ReaderOptions{Target: address, DrainTimeout: 50 * time.Millisecond})
	send(t, s, 0, 1)
	require.Eventually(t, func() bool { return testutil.ToFloat64(r.metrics.messages) == 1 }, 30*time.Second, time.Millisecond)
	r.stop()
	require.ErrorContains(t, <-r.done, "received and not stored")
}

// A record that the log refuses breaks the lane. The reader goes on with a new
// one, the message is stored as malformed, and a record says that something may
// be lost.
func TestReaderReplacesABrokenLane(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	log := newMemoryLog()
	log.refuse = func(r *correlate.Record) bool {
		a, ok := r.Body.(*correlate.Alert)
		return ok && a.Time.Nanosecond() == 5
	}
	start(t, log, ReaderOptions{Target: address})
	send(t, s, 0, 10)
	records := log.await(t, 11)
	require.Equal(t, []int{0, 1, 2, 3, 4, 6, 7, 8, 9}, numbered(t, records))
	notice := records[5].Body.(*correlate.Malformed)
	require.Equal(t, "node-a", notice.Hostname)
	require.Contains(t, notice.Reason, "messages before this record may be lost")
	require.Contains(t, records[6].Body.(*correlate.Malformed).Reason, "the log refuses the record")
	require.Equal(t, 2, log.lanes)
}

// A log that takes nothing at all ends the reader: Falco keeps what is left.
func TestReaderEndsWhenTheLogRefusesAll(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	log := newMemoryLog()
	log.refuse = func(*correlate.Record) bool { return true }
	r := start(t, log, ReaderOptions{Target: address})
	send(t, s, 0, 1)
	require.ErrorContains(t, <-r.done, "could not be stored")
	send(t, s, 1, 2)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Drain(short), context.DeadlineExceeded, "nobody takes it")
}

// oldFalco has no version service, and does not end a stream for CloseSend.
type oldFalco struct {
	outputs.UnimplementedServiceServer
	requests atomic.Int64
}

func (f *oldFalco) Sub(stream outputs.Service_SubServer) error {
	for {
		if _, err := stream.Recv(); err != nil {
			break
		}
		if f.requests.Add(1) == 1 {
			if err := stream.Send(response()); err != nil {
				return err
			}
		}
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func TestReaderOfAFalcoThatDoesLess(t *testing.T) {
	address := socket(t)
	l, err := net.Listen("unix", strings.TrimPrefix(address, "unix://"))
	require.NoError(t, err)
	falco, server := &oldFalco{}, grpc.NewServer()
	outputs.RegisterServiceServer(server, falco)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	r := start(t, newMemoryLog(), ReaderOptions{Target: address, DrainTimeout: 50 * time.Millisecond, RequestInterval: time.Millisecond})
	r.log.await(t, 1)
	require.Eventually(t, func() bool { return falco.requests.Load() > 20 }, 30*time.Second, time.Millisecond,
		"requests go out though nothing comes")
	r.stop()
	require.NoError(t, <-r.done)
	server.Stop()
	require.NoError(t, <-served)
}

// A Falco that takes connections and says nothing does not hold up the end.
func TestReaderOfASilentPeer(t *testing.T) {
	address := socket(t)
	l, err := net.Listen("unix", strings.TrimPrefix(address, "unix://"))
	require.NoError(t, err)
	defer l.Close()
	r := start(t, newMemoryLog(), ReaderOptions{Target: address})
	conn, err := l.Accept()
	require.NoError(t, err)
	defer conn.Close()
	r.stop()
	require.NoError(t, <-r.done)
}

// flipping is a context that ends with the nth question whether it has.
type flipping struct {
	context.Context
	end  context.CancelFunc
	left atomic.Int64
}

func newFlipping(n int64) *flipping {
	ctx, cancel := context.WithCancel(context.Background())
	f := &flipping{Context: ctx, end: cancel}
	f.left.Store(n)
	return f
}

func (f *flipping) Err() error {
	if f.left.Add(-1) < 0 {
		f.end()
	}
	return f.Context.Err()
}

// A connection that could not be made, or that ended as connections do, has lost
// nothing, also when the reader is asked to end just then.
func TestReaderEndsAtAnyMoment(t *testing.T) {
	dead := socket(t)
	for n := range int64(10) { // all moments of the first try
		log := newMemoryLog()
		in, err := consumer.NewIntake(consumer.IntakeOptions{Log: log, Logger: quiet})
		require.NoError(t, err)
		r, err := NewReader(ReaderOptions{Target: dead, Intake: in, Log: log, Logger: quiet, DrainTimeout: time.Second})
		require.NoError(t, err)
		ctx := newFlipping(n)
		require.NoError(t, r.Run(ctx), n)
		require.Empty(t, log.all(), n)
		ctx.end()
	}
}

func TestNewReaderRefuses(t *testing.T) {
	log := newMemoryLog()
	in, err := consumer.NewIntake(consumer.IntakeOptions{Log: log, Logger: quiet})
	require.NoError(t, err)
	reg := prometheus.NewRegistry()
	_, err = NewReader(ReaderOptions{Target: "unix:///run/falco.sock", Intake: in, Log: log, Registerer: reg})
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		o    ReaderOptions
		want string
	}{
		"nothing":            {ReaderOptions{Intake: in, Log: log}, "want unix:///path, host:port"},
		"no port":            {ReaderOptions{Target: "falco", Intake: in, Log: log}, "want unix:///path, host:port"},
		"another scheme":     {ReaderOptions{Target: "https://falco:5060", Intake: in, Log: log}, "want unix:///path"},
		"no intake":          {ReaderOptions{Target: "unix:///s", Log: log}, "want an intake"},
		"no log":             {ReaderOptions{Target: "unix:///s", Intake: in}, "want an intake"},
		"no TLS":             {ReaderOptions{Target: "falco:5060", Intake: in, Log: log}, "want TLS"},
		"negative":           {ReaderOptions{Target: "unix:///s", Intake: in, Log: log, RequestInterval: -1}, "-1ns"},
		"twice":              {ReaderOptions{Target: "unix:///run/falco.sock", Intake: in, Log: log, Registerer: reg}, "configured twice"},
		"twice, in disguise": {ReaderOptions{Target: "unix:/run//falco.sock", Intake: in, Log: log, Registerer: reg}, "configured twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewReader(tc.o)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]target{
		"unix:///run/falco/falco.sock": {"unix", "/run/falco/falco.sock", "unix:///run/falco/falco.sock"},
		"unix:/run//falco.sock":        {"unix", "/run/falco.sock", "unix:///run/falco.sock"},
		"Falco.svc:5060":               {"tcp", "falco.svc:5060", "dns:///falco.svc:5060"},
		"dns:///falco:5060":            {"tcp", "falco:5060", "dns:///falco:5060"},
		"[::1]:5060":                   {"tcp", "[::1]:5060", "dns:///[::1]:5060"},
	} {
		have, err := parseTarget(in)
		require.NoError(t, err)
		require.Equal(t, want, have)
	}
}

// What Decode allocates: the text, and the alert with its fields and tags.
func TestDecodeAllocates(t *testing.T) {
	for _, wire := range samples(t) {
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			if _, err := Decode(wire); err != nil {
				panic(err)
			}
		}), 2.0)
	}
}

// What the end of a stream means once the reader is to stop: only a Falco that was
// still sending when time was up has lost something.
func TestEndingOfAStoppedStream(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	r := &Reader{logger: quiet}
	for name, c := range map[string]struct {
		draining int
		unstored bool
		timedOut bool
		want     string
	}{
		"ended in time":                {draining: 3},
		"silent until the time was up": {timedOut: true},
		"sending when time was up":     {draining: 3, timedOut: true, want: "3 messages"},
		"not stored":                   {unstored: true, want: "not stored"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stream{reader: r, lane: &lane{unstored: c.unstored}, draining: c.draining}
			err := s.ending(stopped, c.timedOut, io.EOF)
			require.Equal(t, c.want != "", s.left)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}
