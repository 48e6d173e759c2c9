package falcogrpc

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// runningFleet is a Fleet under test.
type runningFleet struct {
	*Fleet
	log      *memoryLog
	registry *prometheus.Registry
	stop     context.CancelFunc
	done     chan error
}

func newFleet(tb testing.TB, log *memoryLog, o ReaderOptions) *runningFleet {
	tb.Helper()
	in, err := consumer.NewIntake(consumer.IntakeOptions{Log: log, Logger: quiet})
	require.NoError(tb, err)
	f := &runningFleet{log: log, registry: prometheus.NewRegistry()}
	o.Log, o.Intake, o.Logger, o.Registerer = log, in, quiet, f.registry
	if o.RequestInterval == 0 {
		o.RequestInterval = 5 * time.Millisecond
	}
	f.Fleet, err = NewFleet(FleetOptions{Reader: o})
	require.NoError(tb, err)
	return f
}

// run runs the fleet until the test ends, or stop is called.
func (f *runningFleet) run(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background()) // it ends before the servers do
	done := make(chan error, 1)
	f.stop, f.done = cancel, done
	go func() {
		defer close(done)
		done <- f.Run(ctx)
	}()
	tb.Cleanup(func() {
		cancel()
		<-done
	})
}

// awaitReaders waits until so many readers run.
func (f *runningFleet) awaitReaders(tb testing.TB, n int) {
	tb.Helper()
	require.Eventually(tb, func() bool { return f.readers() == n }, 30*time.Second, time.Millisecond, "want %d readers", n)
}

func (f *runningFleet) readers() int { return int(testutil.ToFloat64(f.metrics.readers)) }

// connected are the targets whose readers are subscribed.
func (f *runningFleet) connected(tb testing.TB) (targets []string) {
	tb.Helper()
	families, err := f.registry.Gather()
	require.NoError(tb, err)
	for _, family := range families {
		if family.GetName() != "falcogate_falco_connected" {
			continue
		}
		for _, m := range family.GetMetric() {
			if m.GetGauge().GetValue() == 1 {
				targets = append(targets, m.GetLabel()[0].GetValue())
			}
		}
	}
	return targets
}

func (f *runningFleet) awaitConnected(tb testing.TB, want ...string) {
	tb.Helper()
	slices.Sort(want)
	require.Eventually(tb, func() bool { return slices.Equal(want, f.connected(tb)) }, 30*time.Second, time.Millisecond, "want %s", want)
}

// left is how much nobody took from a server.
func left(s *Server) int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.items)
}

// Members come and go: those that are in the set are read, the others not, and
// nothing comes twice.
func TestFleetReadsItsMembers(t *testing.T) {
	f := newFleet(t, newMemoryLog(), ReaderOptions{})
	var servers []*Server
	var members []Member
	for i := range 4 {
		address := socket(t)
		servers = append(servers, serve(t, ServerOptions{Address: address}))
		members = append(members, Member{ID: strconv.Itoa(i), Name: "falco-" + strconv.Itoa(i), Address: address})
	}
	f.Set(members[:2])
	f.run(t)
	f.awaitConnected(t, members[0].Address, members[1].Address)
	send(t, servers[0], 0, 10)
	send(t, servers[1], 10, 20)
	send(t, servers[2], 20, 30)
	f.log.await(t, 20)
	require.Equal(t, 10, left(servers[2]), "not in the set")

	f.Set(members[1:3])
	f.awaitConnected(t, members[1].Address, members[2].Address)
	f.log.await(t, 30)
	send(t, servers[0], 30, 40)
	f.Set(nil)
	f.awaitConnected(t)
	f.awaitReaders(t, 0)
	send(t, servers[1], 40, 50)
	f.Set(members)
	f.awaitConnected(t, members[0].Address, members[1].Address, members[2].Address, members[3].Address)
	numbers := numbered(t, f.log.await(t, 50))
	slices.Sort(numbers)
	require.Equal(t, upTo(50), numbers)

	f.stop()
	require.NoError(t, <-f.done)
	require.Zero(t, f.readers())
	require.InDelta(t, 7, testutil.ToFloat64(f.metrics.started), 0)
	count, err := testutil.GatherAndCount(f.registry, "falcogate_falco_messages_total")
	require.NoError(t, err)
	require.Zero(t, count, "the figures of a reader go with it")
}

// Another Falco at the same address gets a reader of its own, and only when the
// one before it has ended. The same Falco keeps its reader.
func TestFleetOfAReplacedFalco(t *testing.T) {
	address := socket(t)
	f := newFleet(t, newMemoryLog(), ReaderOptions{})
	first, err := NewServer(ServerOptions{Address: address})
	require.NoError(t, err)
	defer first.Close()
	old, replaced := Member{ID: "old", Address: address}, Member{ID: "new", Address: address}
	f.Set([]Member{old})
	f.run(t)
	send(t, first, 0, 10)
	f.log.await(t, 10)
	f.Set([]Member{old, replaced})
	f.Set([]Member{replaced, old})
	send(t, first, 10, 20)
	f.log.await(t, 20)
	require.InDelta(t, 1, testutil.ToFloat64(f.metrics.started), 0, "whoever is read stays")

	require.NoError(t, first.Close())
	second := serve(t, ServerOptions{Address: address})
	send(t, second, 20, 30)
	f.Set([]Member{replaced})
	require.Equal(t, upTo(30), numbered(t, f.log.await(t, 30)))
	require.Eventually(t, func() bool { return testutil.ToFloat64(f.metrics.started) == 2 }, 30*time.Second, time.Millisecond)
	f.awaitReaders(t, 1)
}

// While the log is away, the reader of a Falco that is gone keeps what it has
// read until the log is back, however long that takes.
func TestFleetKeepsWhatWasReadOfAFalcoThatIsGone(t *testing.T) {
	const drain = 20 * time.Millisecond
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	log := newMemoryLog()
	comeBack := log.goAway()
	f := newFleet(t, log, ReaderOptions{DrainTimeout: drain})
	member := Member{ID: "a", Address: address}
	f.Set([]Member{member})
	f.run(t)
	f.awaitConnected(t, address)
	send(t, s, 0, 100)
	require.NoError(t, s.Drain(t.Context()), "all is read, or in flight")
	f.Set(nil)
	require.Never(t, func() bool { return f.readers() == 0 }, 20*drain, drain)
	f.Set([]Member{{ID: "b", Address: address}})
	require.Never(t, func() bool { return testutil.ToFloat64(f.metrics.started) > 1 }, 5*drain, drain)
	require.Empty(t, log.all())

	comeBack()
	require.Equal(t, upTo(100), numbered(t, log.await(t, 100)))
	send(t, s, 100, 110)
	require.Equal(t, upTo(110), numbered(t, log.await(t, 110)))
	require.Empty(t, slices.DeleteFunc(log.all(), func(r *correlate.Record) bool { return r.Body.Kind() == correlate.KindAlert }))
}

// A Falco that is gone without a word does not hold its reader.
func TestFleetLeavesASilentFalco(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	f := newFleet(t, newMemoryLog(), ReaderOptions{DrainTimeout: 50 * time.Millisecond})
	f.Set([]Member{{ID: "a", Address: address}})
	f.run(t)
	f.awaitConnected(t, address)
	send(t, s, 0, 1)
	f.log.await(t, 1)
	f.Set(nil)
	f.awaitReaders(t, 0)
}

// The end of the whole is bounded though the log is away, and says so. So is that
// of a reader that waits for the log already.
func TestFleetStopsThoughTheLogIsAway(t *testing.T) {
	log := newMemoryLog()
	comeBack := log.goAway()
	defer comeBack()
	f := newFleet(t, log, ReaderOptions{DrainTimeout: 50 * time.Millisecond})
	var members []Member
	for _, id := range []string{"gone", "there"} {
		address := socket(t)
		send(t, serve(t, ServerOptions{Address: address}), 0, 1)
		members = append(members, Member{ID: id, Address: address})
	}
	f.Set(members)
	f.run(t)
	f.awaitConnected(t, members[0].Address, members[1].Address)
	require.Eventually(t, func() bool { return f.messages(t) == 2 }, 30*time.Second, time.Millisecond)
	f.Set(members[1:])
	f.stop()
	require.ErrorContains(t, <-f.done, "received and not stored")
	require.Zero(t, f.readers())
}

// messages is how many all readers have received.
func (f *runningFleet) messages(tb testing.TB) (n int) {
	tb.Helper()
	families, err := f.registry.Gather()
	require.NoError(tb, err)
	for _, family := range families {
		if family.GetName() == "falcogate_falco_messages_total" {
			for _, m := range family.GetMetric() {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}

// A log that takes nothing at all ends the whole fleet: each Falco keeps what is
// left.
func TestFleetEndsWhenTheLogRefusesAll(t *testing.T) {
	log := newMemoryLog()
	log.refuse = func(*correlate.Record) bool { return true }
	f := newFleet(t, log, ReaderOptions{})
	first, second := socket(t), socket(t)
	send(t, serve(t, ServerOptions{Address: first}), 0, 1)
	serve(t, ServerOptions{Address: second})
	f.Set([]Member{{ID: "a", Address: first}, {ID: "b", Address: second}})
	f.run(t)
	require.ErrorContains(t, <-f.done, "could not be stored")
	require.Zero(t, f.readers())
}

// A member that can't be read is said once, counted, and tried again when it comes
// again; it holds up nobody.
func TestFleetRefusesAMember(t *testing.T) {
	f := newFleet(t, newMemoryLog(), ReaderOptions{})
	static, found := socket(t), socket(t)
	serve(t, ServerOptions{Address: static})
	serve(t, ServerOptions{Address: found})
	o := f.o
	o.Target = static
	reader, err := NewReader(o)
	require.NoError(t, err)

	members := []Member{{ID: "s", Address: static}, {ID: "f", Address: found}, {ID: "n", Address: "nowhere"}, {ID: "p", Address: "10.0.0.1:5060"}}
	f.Set(members)
	f.run(t)
	f.awaitConnected(t, found)
	refused := func(n float64) {
		t.Helper()
		require.Eventually(t, func() bool { return testutil.ToFloat64(f.metrics.refused) == n }, 30*time.Second, time.Millisecond)
	}
	refused(3) // read already, no address, and no TLS for one on TCP
	f.Set(slices.Clone(members))
	// One more shows that the set without the first was seen.
	f.Set(append(slices.Clone(members[1:]), Member{ID: "m", Address: "nowhere else"}))
	refused(4)
	f.awaitReaders(t, 1)
	reader.metrics.unregister()
	f.Set(members)
	f.awaitConnected(t, static, found)
	refused(4)
	f.stop()
	require.NoError(t, <-f.done)
}

func TestFleetRunsAgain(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	f := newFleet(t, newMemoryLog(), ReaderOptions{})
	f.run(t)
	f.Set([]Member{{ID: "a", Address: address}})
	f.awaitConnected(t, address)
	require.ErrorContains(t, f.Run(t.Context()), "running already")
	f.stop()
	require.NoError(t, <-f.done)

	// In between the set is kept, and Falco's queue keeps the alerts.
	send(t, s, 0, 10)
	f.run(t)
	require.Equal(t, upTo(10), numbered(t, f.log.await(t, 10)))
}

func TestNewFleetRefuses(t *testing.T) {
	log := newMemoryLog()
	in, err := consumer.NewIntake(consumer.IntakeOptions{Log: log, Logger: quiet})
	require.NoError(t, err)
	_, err = NewFleet(FleetOptions{})
	require.ErrorContains(t, err, "want an intake")
	reg := prometheus.NewRegistry()
	o := FleetOptions{Reader: ReaderOptions{Intake: in, Log: log, Registerer: reg}}
	_, err = NewFleet(o)
	require.NoError(t, err)
	_, err = NewFleet(o)
	require.ErrorContains(t, err, "metrics of found Falcos")
}
