package eventlog_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/eventlog"
)

// verdictID makes one of the ids that verdicts have.
func verdictID(n int) string { return fmt.Sprintf("%032x", n) }

// publishNumbered publishes the verdicts from one number up to another, several
// at a time.
func publishNumbered(t *testing.T, l *eventlog.Log, from, to int) {
	t.Helper()
	ctx := testContext(t)
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for n := range numbers {
				id := verdictID(n)
				_, _, err := l.PublishVerdict(ctx, eventlog.VerdictSubject("shop", "fail"), id, map[string]string{"ce-id": id}, []byte("verdict "+id))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := from; n < to; n++ {
		numbers <- n
	}
	close(numbers)
	wg.Wait()
}

func requireVerdict(t *testing.T, l *eventlog.Log, id, want string) {
	t.Helper()
	_, data, found, err := l.FindVerdict(testContext(t), id)
	require.NoError(t, err)
	require.True(t, found, id)
	require.Equal(t, want, string(data))
}

func requireNoVerdict(t *testing.T, l *eventlog.Log, id string) {
	t.Helper()
	_, data, found, err := l.FindVerdict(testContext(t), id)
	require.NoError(t, err)
	require.False(t, found, id)
	require.Nil(t, data)
}

func testFindVerdict(t *testing.T, fresh eventlog.Options) {
	l := open(t, fresh)
	requireNoVerdict(t, l, verdictID(1))
	publishNumbered(t, l, 1, 4)
	for n := 1; n < 4; n++ {
		requireVerdict(t, l, verdictID(n), "verdict "+verdictID(n))
	}
	requireNoVerdict(t, l, verdictID(4))
	requireNoVerdict(t, l, strings.Repeat("A", 32))
	for _, bad := range []string{"", "1", verdictID(1)[1:], verdictID(1) + "0", strings.Repeat("g", 32), strings.Repeat("*", 32), verdictID(1)[1:] + "\n"} {
		requireNoVerdict(t, l, bad)
	}

	// What was published with an empty body is found all the same.
	_, _, err := l.PublishVerdict(testContext(t), eventlog.VerdictSubject("shop", "pass"), verdictID(9), nil, nil)
	require.NoError(t, err)
	requireVerdict(t, l, verdictID(9), "")

	// It is what is stored that counts, not what this process knows.
	closeLog(t, l)
	l = open(t, fresh)
	requireVerdict(t, l, verdictID(2), "verdict "+verdictID(2))
}

func testFindOneOfMany(t *testing.T, fresh eventlog.Options) {
	l := open(t, fresh)
	const half = 1500
	publishNumbered(t, l, 1, half)
	publishNumbered(t, l, half, half+1)
	publishNumbered(t, l, half+1, 2*half)
	requireVerdict(t, l, verdictID(half), "verdict "+verdictID(half))
	requireNoVerdict(t, l, verdictID(2*half))

	// The search goes on with another connection where it was.
	enough, cut := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(cut)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range 10 {
			select {
			case <-tick.C:
				l.CutConnection()
			case <-enough:
				return
			}
		}
	}()
	for range 3 {
		requireVerdict(t, l, verdictID(half), "verdict "+verdictID(half))
		requireNoVerdict(t, l, verdictID(2*half))
	}
	close(enough)
	<-cut
}

// testFindTwice: once published, a verdict does not change.
func testFindTwice(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	js, err := l.JetStream(ctx)
	require.NoError(t, err)
	stream, err := js.Stream(ctx, eventlog.VerdictStream)
	require.NoError(t, err)
	// The server forgets ids sooner than it would.
	config := stream.CachedInfo().Config
	config.Duplicates = 100 * time.Millisecond
	_, err = js.UpdateStream(ctx, config)
	require.NoError(t, err)

	id, subject := verdictID(7), eventlog.VerdictSubject("shop", "fail")
	_, _, err = l.PublishVerdict(ctx, subject, id, nil, []byte("first"))
	require.NoError(t, err)
	publishNumbered(t, l, 100, 110)
	require.Eventually(t, func() bool {
		_, duplicate, err := l.PublishVerdict(ctx, subject, id, nil, []byte("second"))
		require.NoError(t, err)
		return !duplicate
	}, patience, 20*time.Millisecond)
	requireVerdict(t, l, id, "first")

	require.NoError(t, stream.DeleteMsg(ctx, 1))
	requireVerdict(t, l, id, "second")
}

func testFindEvicted(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	for n := 1; n <= 5; n++ {
		publishNumbered(t, l, n, n+1)
	}
	js, err := l.JetStream(ctx)
	require.NoError(t, err)
	stream, err := js.Stream(ctx, eventlog.VerdictStream)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(ctx, jetstream.WithPurgeSequence(3)))
	requireNoVerdict(t, l, verdictID(2))
	requireVerdict(t, l, verdictID(3), "verdict "+verdictID(3))

	// The stream ends with a hole: nothing will ever come from there.
	require.NoError(t, stream.DeleteMsg(ctx, 5))
	requireNoVerdict(t, l, verdictID(5))
	requireVerdict(t, l, verdictID(4), "verdict "+verdictID(4))

	require.NoError(t, stream.Purge(ctx))
	requireNoVerdict(t, l, verdictID(4))
	publishNumbered(t, l, 6, 7)
	requireVerdict(t, l, verdictID(6), "verdict "+verdictID(6))
}

// TestFindVerdictOutlivesAnOutage: it waits for the server, as other reads do.
func TestFindVerdictOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	n := newNATS(t, "")
	l := open(t, eventlog.Options{URL: n.url(), Logger: quiet})
	publishNumbered(t, l, 1, 100)
	n.stop()
	require.Eventually(t, func() bool { return !l.Connected() }, patience, time.Millisecond)
	type answer struct {
		data  []byte
		found bool
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		_, a.data, a.found, a.err = l.FindVerdict(testContext(t), verdictID(50))
		answered <- a
	}()
	n.start()
	require.Equal(t, answer{[]byte("verdict " + verdictID(50)), true, nil}, <-answered)
}
