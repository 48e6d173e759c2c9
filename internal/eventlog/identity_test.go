package eventlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
)

// testIdentity: a log is the same one for as long as its stream is there, and
// another one, whatever it holds, once that was made again.
func testIdentity(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	begin := time.Now().Add(-time.Second)
	l := open(t, fresh)
	made, err := l.Bounds(ctx)
	require.NoError(t, err)
	require.WithinRange(t, made.Created, begin, time.Now().Add(time.Second))
	require.NoError(t, l.Append(ctx, oneOfEach()...))

	// Neither a restart nor other settings make it another one.
	for _, retention := range []time.Duration{0, 48 * time.Hour} {
		closeLog(t, l)
		fresh.Retention = retention
		l = open(t, fresh)
		again, err := l.Bounds(ctx)
		require.NoError(t, err)
		require.True(t, made.Created.Equal(again.Created), "made at %s, now %s", made.Created, again.Created)
		require.EqualValues(t, 7, again.Last)
	}

	js, err := l.JetStream(ctx)
	require.NoError(t, err)
	stream, err := js.Stream(ctx, eventlog.LogStream)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(ctx))
	purged, err := l.Bounds(ctx)
	require.NoError(t, err)
	require.Equal(t, correlate.Bounds{First: 8, Last: 7, Created: made.Created}, purged, "it is the same log, without records")

	require.NoError(t, js.DeleteStream(ctx, eventlog.LogStream))
	closeLog(t, l)
	l = open(t, fresh)
	require.NoError(t, l.Append(ctx, oneOfEach()...))
	replaced, err := l.Bounds(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 7, replaced.Last, "its positions do not tell")
	require.True(t, replaced.Created.After(made.Created), "made at %s, again at %s", made.Created, replaced.Created)
}
