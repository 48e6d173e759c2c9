package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/eventlog"
)

// Of all who change a gate that they know alike, one does.
func testGates(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	_, revision, err := l.Gate(ctx, "deploy/1 a")
	require.NoError(t, err)
	require.Zero(t, revision)

	revision, err = l.PutGate(ctx, "deploy/1 a", []byte("open"), 0)
	require.NoError(t, err)
	_, err = l.PutGate(ctx, "deploy/1 a", []byte("another"), 0)
	require.ErrorIs(t, err, eventlog.ErrGateChanged)
	_, err = l.PutGate(ctx, "deploy/1 a", []byte("late"), revision+1)
	require.ErrorIs(t, err, eventlog.ErrGateChanged)
	data, at, err := l.Gate(ctx, "deploy/1 a")
	require.NoError(t, err)
	require.Equal(t, "open", string(data))
	require.Equal(t, revision, at)

	const writers = 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	var winners []string
	for n := range writers {
		wg.Go(func() {
			said := fmt.Sprintf("decided by %d", n)
			_, err := l.PutGate(ctx, "deploy/1 a", []byte(said), revision)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				winners = append(winners, said)
			} else if !errors.Is(err, eventlog.ErrGateChanged) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, winners, 1)
	data, _, err = l.Gate(ctx, "deploy/1 a")
	require.NoError(t, err)
	require.Equal(t, winners[0], string(data))

	_, err = l.PutGate(ctx, "big", make([]byte, 2<<20), 0)
	require.ErrorIs(t, err, eventlog.ErrTooLarge)
	// One that has changed since, or was made anew, is not forgotten.
	require.NoError(t, l.RemoveGate(ctx, "deploy/1 a", revision))
	_, last, err := l.Gate(ctx, "deploy/1 a")
	require.NoError(t, err)
	require.Greater(t, last, revision)
	_, err = l.PutGate(ctx, "deploy/2", []byte("open"), 0)
	require.NoError(t, err)
	require.NoError(t, l.RemoveGate(ctx, "deploy/1 a", last))
	_, gone, err := l.Gate(ctx, "deploy/1 a")
	require.NoError(t, err)
	require.Zero(t, gone)
	_, other, err := l.Gate(ctx, "deploy/2")
	require.NoError(t, err)
	require.NotZero(t, other)
	_, err = l.PutGate(ctx, "deploy/1 a", []byte("open again"), 0)
	require.NoError(t, err)
	require.NoError(t, l.RemoveGate(ctx, "deploy/1 a", last))
	data, _, err = l.Gate(ctx, "deploy/1 a")
	require.NoError(t, err)
	require.Equal(t, "open again", string(data))
}

// A watch has the gates that there are, as they are, and then each change.
func testWatchGates(t *testing.T, fresh eventlog.Options) {
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	l := open(t, fresh)
	first, err := l.PutGate(ctx, "a", []byte("1"), 0)
	require.NoError(t, err)
	_, err = l.PutGate(ctx, "a", []byte("2"), first)
	require.NoError(t, err)
	_, err = l.PutGate(ctx, "b", []byte("1"), 0)
	require.NoError(t, err)

	var has strings.Builder
	enough := errors.New("enough")
	put := false
	err = l.WatchGates(ctx, func(changes []eventlog.GateChange, whole bool) error {
		for _, c := range changes {
			fmt.Fprintf(&has, "%s=%s ", c.ID, c.Data)
		}
		if whole && !put {
			put = true
			require.Equal(t, "a=2 b=1 ", has.String(), "all that there is, as it is")
			_, err := l.PutGate(ctx, "c", []byte("1"), 0)
			return err
		}
		if strings.Contains(has.String(), "c=1") {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)

	for _, id := range []string{"a", "b", "c"} {
		_, revision, err := l.Gate(ctx, id)
		require.NoError(t, err)
		require.NoError(t, l.RemoveGate(ctx, id, revision))
	}
	err = l.WatchGates(ctx, func(changes []eventlog.GateChange, whole bool) error {
		require.Empty(t, changes)
		if whole {
			cancel()
		}
		return nil
	})
	require.NoError(t, err, "with the context it just ends")
}

// What is known of canaries stands beside the gates, and is none of them.
func testRollouts(t *testing.T, fresh eventlog.Options) {
	ctx := testContext(t)
	l := open(t, fresh)
	_, revision, err := l.Rollout(ctx, "shop/web")
	require.NoError(t, err)
	require.Zero(t, revision)
	revision, err = l.PutRollout(ctx, "shop/web", []byte("1"), 0)
	require.NoError(t, err)
	_, err = l.PutRollout(ctx, "shop/web", []byte("another"), 0)
	require.ErrorIs(t, err, eventlog.ErrGateChanged)
	revision, err = l.PutRollout(ctx, "shop/web", []byte("2"), revision)
	require.NoError(t, err)
	for _, id := range []string{"rollout", "rollout.shop=2Fweb", "shop/web"} {
		_, err = l.PutGate(ctx, id, []byte("gate"), 0)
		require.NoError(t, err)
	}
	data, at, err := l.Rollout(ctx, "shop/web")
	require.NoError(t, err)
	require.Equal(t, "2", string(data))
	require.Equal(t, revision, at)
	n, err := l.Rollouts(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	enough := errors.New("enough")
	var ids []string
	err = l.WatchGates(ctx, func(changes []eventlog.GateChange, whole bool) error {
		for _, c := range changes {
			require.Equal(t, "gate", string(c.Data))
			ids = append(ids, c.ID)
		}
		if whole {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	require.ElementsMatch(t, []string{"rollout", "rollout.shop=2Fweb", "shop/web"}, ids)
}
