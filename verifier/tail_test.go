package verifier_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

func floorOf(tail *verifier.Tail) (floor time.Time) {
	tail.View(func(state *correlate.State, _ uint64) { floor = state.Index().Floor() })
	return floor
}

func heldBy(tail *verifier.Tail) (n uint64) {
	tail.View(func(state *correlate.State, _ uint64) { n = state.Index().Stats().Alerts })
	return n
}

func TestTailIsReadyWhenItHasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(
			inPod("shadow-1", "web", at(3*time.Minute), correlate.Warning),
			inPod("shadow-1", "web", at(2*time.Minute), correlate.Warning),
		)
		log.Hold()
		r := start(t, log)
		synctest.Wait()
		require.ErrorContains(t, r.tail.Ready(), "at position 0 of 2")

		waited := make(chan error, 1)
		go func() { waited <- r.tail.WaitFor(context.Background(), 2) }()
		synctest.Wait()
		require.Empty(t, waited, "nothing is applied yet")
		log.Release()
		require.NoError(t, <-waited)
		require.NoError(t, r.tail.Ready())
		require.Equal(t, uint64(2), r.tail.Position())
		require.Equal(t, uint64(2), heldBy(r.tail))
		require.Zero(t, floorOf(r.tail), "nothing was evicted")

		log.Append(epoch, inPod("shadow-1", "web", at(time.Minute), correlate.Error))
		synctest.Wait()
		require.Equal(t, uint64(3), r.tail.Position())
		require.NoError(t, r.tail.Ready())
	})
}

func TestTailIsNotReadyBeforeTheLogWasReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		log.Down(errors.New("no connection"))
		r := start(t, log)
		synctest.Wait()
		require.ErrorContains(t, r.tail.Ready(), "not been reached")

		// Also an empty log has to be asked for its bounds first.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, r.tail.WaitFor(ctx, 0), context.DeadlineExceeded)

		log.Down(nil)
		require.NoError(t, r.tail.WaitFor(t.Context(), 0))
		require.NoError(t, r.tail.Ready())
	})
}

func TestTailRaisesTheFloorToTheLogsFirstRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(
			inPod("shadow-1", "web", at(9*time.Minute), correlate.Critical),
			inPod("shadow-1", "web", at(8*time.Minute), correlate.Warning),
			inPod("shadow-1", "web", at(7*time.Minute), correlate.Warning),
		)
		log.Evict(2)
		r := start(t, log)
		synctest.Wait()
		require.Equal(t, at(8*time.Minute), floorOf(r.tail))
		require.Equal(t, uint64(2), heldBy(r.tail))
		require.Equal(t, uint64(3), r.tail.Position())
	})
}

func TestTailOfALogThatHasEvictedEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(inPod("shadow-1", "web", at(9*time.Minute), correlate.Critical))
		log.Evict(2)
		r := start(t, log)
		synctest.Wait()
		require.NoError(t, r.tail.Ready())
		require.Equal(t, uint64(1), r.tail.Position())
		require.Equal(t, epoch, floorOf(r.tail), "how late the last evicted record was is not known")
	})
}

func TestTailRaisesTheFloorOverRecordsEvictedUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewPedanticRegistry()
		log := logOf(inPod("shadow-1", "web", at(9*time.Minute), correlate.Notice))
		r := startWith(t, log, verifier.TailOptions{Registerer: metrics}, verifier.ServiceOptions{})
		synctest.Wait()
		require.Zero(t, floorOf(r.tail))

		log.Hold()
		log.Append(at(5*time.Minute), inPod("shadow-1", "web", at(5*time.Minute), correlate.Critical))
		log.Append(at(4*time.Minute), inPod("shadow-1", "web", at(4*time.Minute), correlate.Notice))
		log.Evict(3)
		log.Release()
		synctest.Wait()
		require.Equal(t, uint64(3), r.tail.Position())
		require.Equal(t, at(4*time.Minute), floorOf(r.tail))
		v := r.ask(t, question("shadow-1"))
		require.Equal(t, verifier.Inconclusive, v.Verdict, "the critical alert was never read")
		require.Equal(t, verifier.ReasonEvicted, v.Reason)

		got, err := testutil.GatherAndCount(metrics)
		require.NoError(t, err)
		require.NotZero(t, got)
		require.InDelta(t, 1, sample(t, metrics, "falcogate_index_skipped_records_total"), 0)
	})
}

// sample is the value of a metric without labels.
func sample(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestTailOutlivesARecordThatCannotBeApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewPedanticRegistry()
		broken := inPod("shadow-1", "web", at(5*time.Minute), 0)
		log := logOf(broken, inPod("shadow-1", "web", at(4*time.Minute), correlate.Critical))
		r := startWith(t, log, verifier.TailOptions{Registerer: metrics}, verifier.ServiceOptions{})
		synctest.Wait()
		require.Equal(t, uint64(2), r.tail.Position())
		require.Equal(t, uint64(1), heldBy(r.tail))
		require.InDelta(t, 1, sample(t, metrics, "falcogate_index_refused_records_total"), 0)
		sensors := r.service.Sensors(t.Context())
		require.Len(t, sensors.Sensors, 1)
		require.Equal(t, uint64(1), sensors.Sensors[0].Malformed)
	})
}

func TestTailEndsWithAnErrorThatNoRetryHeals(t *testing.T) {
	errSchema := errors.New("unknown schema version")
	synctest.Test(t, func(t *testing.T) {
		log := logOf(inPod("shadow-1", "web", at(time.Minute), correlate.Notice))
		tail := verifier.NewTail(verifier.TailOptions{Log: log})
		done := make(chan error, 1)
		go func() { done <- tail.Run(context.Background()) }()
		synctest.Wait()
		require.NoError(t, tail.Ready())
		waited := make(chan error, 1)
		go func() { waited <- tail.WaitFor(context.Background(), 99) }()
		synctest.Wait()

		log.Break(errSchema)
		err := <-done
		require.ErrorIs(t, err, errSchema)
		require.ErrorContains(t, err, "from position 2 on")
		err = <-waited
		require.ErrorIs(t, err, verifier.ErrTailStopped)
		require.ErrorIs(t, err, errSchema)
		require.ErrorIs(t, tail.Ready(), verifier.ErrTailStopped)
		require.ErrorIs(t, tail.WaitFor(context.Background(), 1), verifier.ErrTailStopped)
	})
}

// rewinding delivers a position twice, which no event log does.
type rewinding struct{ *memlog.Log }

func (l rewinding) Tail(ctx context.Context, from uint64, fn func([]*correlate.Record) error) error {
	return l.Log.Tail(ctx, from, func(batch []*correlate.Record) error { return fn(append(batch, batch[0])) })
}

func TestTailRefusesPositionsThatDoNotGrow(t *testing.T) {
	log := logOf(inPod("shadow-1", "web", at(time.Minute), correlate.Notice))
	tail := verifier.NewTail(verifier.TailOptions{Log: rewinding{log}})
	require.ErrorIs(t, tail.Run(t.Context()), correlate.ErrPosition)
}

func TestTailEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tail := verifier.NewTail(verifier.TailOptions{Log: memlog.New()})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- tail.Run(ctx) }()
		synctest.Wait()
		cancel()
		require.NoError(t, <-done)
		require.ErrorIs(t, tail.Ready(), verifier.ErrTailStopped)

		// The log may be away when the process is told to stop.
		away := memlog.New()
		away.Down(errors.New("no connection"))
		tail = verifier.NewTail(verifier.TailOptions{Log: away})
		ctx, cancel = context.WithCancel(context.Background())
		go func() { done <- tail.Run(ctx) }()
		synctest.Wait()
		cancel()
		require.NoError(t, <-done)
	})
}

func TestTailMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewPedanticRegistry()
		log := logOf(
			inPod("shadow-1", "web", at(9*time.Minute), correlate.Warning),
			alert(at(8*time.Minute), correlate.Warning, "container.id", "host"),
			alert(at(7*time.Minute), correlate.Warning),
		)
		log.Evict(2)
		startWith(t, log, verifier.TailOptions{Registerer: metrics}, verifier.ServiceOptions{})
		synctest.Wait()
		require.InDelta(t, 3, sample(t, metrics, "falcogate_index_position"), 0)
		require.InDelta(t, 1, sample(t, metrics, "falcogate_index_ready"), 0)
		require.InDelta(t, 2, sample(t, metrics, "falcogate_index_records_total"), 0)
		require.InDelta(t, 1, sample(t, metrics, "falcogate_sensors"), 0)
		require.InDelta(t, 480, sample(t, metrics, "falcogate_index_floor_age_seconds"), 0)
		require.InDelta(t, 420, sample(t, metrics, "falcogate_index_lag_seconds"), 0)
		require.Positive(t, sample(t, metrics, "falcogate_index_bytes"))
		problems, err := testutil.GatherAndLint(metrics)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}
