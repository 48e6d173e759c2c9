package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// heard is a message, a minute after the one before, and what it must be answered.
type heard struct {
	verifier.RolloutMessage
	start int  // minute at which alerts begin to count; -1 for never
	begun bool // it is the first that is heard
}

func ask(checksum string) heard {
	return heard{RolloutMessage: verifier.RolloutMessage{Checksum: checksum}}
}
func tell(checksum string) heard   { h := ask(checksum); h.Event = true; return h }
func (h heard) over() heard        { h.Over = true; return h }
func (h heard) from(min int) heard { h.start = min; return h }
func (h heard) first(min int) heard {
	h.start, h.begun = min, true
	return h
}

func TestRolloutsStart(t *testing.T) {
	const never = -1
	for name, messages := range map[string][]heard{
		"the first question":                {ask("a").first(0), ask("a").from(0), ask("a").from(0)},
		"another revision":                  {ask("a").first(0), ask("b").first(1), ask("b").from(1)},
		"back again within a rollout":       {ask("a").first(0), ask("b").first(1), ask("a").from(0), ask("b").from(1)},
		"back again when it is over":        {ask("a").first(0), ask("a").over().from(0), ask("b").first(2), ask("b").over().from(2), ask("a").first(4)},
		"the same again when it is over":    {ask("a").first(0), ask("a").over().from(0), ask("a").first(2), ask("a").from(2)},
		"asked when it is over":             {ask("a").over().from(never), ask("a").over().from(never), ask("a").first(2)},
		"late word of the revision before":  {ask("a").first(0), ask("b").first(1), ask("a").over().from(never), ask("b").from(1)},
		"word of a revision never heard of": {ask("a").first(0), tell("z").over().from(never), ask("a").from(0)},
		"initialised":                       {tell("0").over().from(never), tell("a").over().from(never), tell("a").first(2), ask("b").from(2)},
		// As Flagger does it: the canary is scaled up under the checksum of the last revision.
		"announced": {
			tell("a").over().from(never), tell("a").first(1), tell("b").from(1), ask("b").from(1),
			tell("b").over().from(1), tell("b").first(5), ask("c").from(5), ask("c").from(5),
		},
		"announced, and confirmed before": {
			ask("a").over().from(never), ask("a").first(1), ask("a").from(1), tell("a").from(1), ask("b").from(1),
		},
		"announced to who knew nothing":             {tell("a").first(0), ask("b").from(0)},
		"restarted after it was announced":          {tell("a").over().from(never), tell("a").first(1), ask("b").from(1), tell("b").from(1), ask("c").first(4), ask("b").from(1)},
		"over before the new checksum was heard of": {tell("a").over().from(never), tell("a").first(1), tell("a").over().from(1), tell("a").first(3), ask("b").from(3)},
		"an event, and its own question ever since": {tell("a").first(0), ask("a").from(0), tell("a").from(0)},
		"failed, and the next one is asked about":   {ask("a").first(0), tell("a").over().from(0), ask("b").first(2)},
		"over twice": {ask("a").first(0), tell("a").over().from(0), ask("a").over().from(0), ask("b").first(3)},
		"a revision is over that replaced an earlier": {ask("a").first(0), ask("b").first(1), tell("b").over().from(1), ask("a").first(3)},
	} {
		t.Run(name, func(t *testing.T) {
			store, epoch, minute := memlog.NewGates(), time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC), 0
			for i, m := range messages {
				minute = i
				// Another replica each time.
				rollouts := verifier.NewRollouts(store, func() time.Time { return epoch.Add(time.Duration(minute) * time.Minute) })
				m.Namespace, m.Name = "shop", "podinfo"
				got, err := rollouts.Hear(t.Context(), m.RolloutMessage)
				require.NoError(t, err)
				want := verifier.Rollout{Begun: m.begun}
				if m.start >= 0 {
					want.Start = epoch.Add(time.Duration(m.start) * time.Minute)
				}
				require.Equal(t, want, got, "message %d", i)
			}
		})
	}
}

// A start that is given counts for the first message alone, and never lies ahead.
func TestRolloutsSince(t *testing.T) {
	now := time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC)
	rollouts := verifier.NewRollouts(memlog.NewGates(), func() time.Time { return now })
	hear := func(name string, since time.Time) time.Time {
		got, err := rollouts.Hear(t.Context(), verifier.RolloutMessage{Namespace: "shop", Name: name, Checksum: "a", Since: since})
		require.NoError(t, err)
		return got.Start
	}
	require.Equal(t, now.Add(-time.Minute), hear("podinfo", now.Add(-time.Minute)))
	require.Equal(t, now.Add(-time.Minute), hear("podinfo", now.Add(-time.Hour)))
	require.Equal(t, now, hear("other", now.Add(time.Minute)))
}

// Whichever replica hears of a revision first, all go by one start.
func TestRolloutsAgree(t *testing.T) {
	store, epoch := memlog.NewGates(), time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC)
	starts := make([]verifier.Rollout, 16)
	var wg sync.WaitGroup
	for i := range starts {
		wg.Go(func() {
			rollouts := verifier.NewRollouts(store, func() time.Time { return epoch.Add(time.Duration(i) * time.Second) })
			starts[i], _ = rollouts.Hear(context.Background(), verifier.RolloutMessage{Namespace: "shop", Name: "podinfo", Checksum: "a"})
		})
	}
	wg.Wait()
	begun := 0
	for _, got := range starts {
		require.Equal(t, starts[0].Start, got.Start)
		if got.Begun {
			begun++
		}
	}
	require.False(t, starts[0].Start.IsZero())
	require.Equal(t, 1, begun)
}

// What is still heard of does not get too old to be kept, and what is not is left alone.
func TestRolloutsStayFresh(t *testing.T) {
	store, now := memlog.NewGates(), time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC)
	rollouts := verifier.NewRollouts(store, func() time.Time { return now })
	m := verifier.RolloutMessage{Namespace: "shop", Name: "podinfo", Checksum: "a"}
	revision := func() uint64 {
		_, err := rollouts.Hear(t.Context(), m)
		require.NoError(t, err)
		_, revision, err := store.Get(t.Context(), "shop/podinfo")
		require.NoError(t, err)
		return revision
	}
	require.EqualValues(t, 1, revision())
	now = now.Add(23 * time.Hour)
	require.EqualValues(t, 1, revision())
	now = now.Add(time.Hour)
	require.EqualValues(t, 2, revision())
	require.EqualValues(t, 2, revision())
}

func TestRolloutsRefuse(t *testing.T) {
	store := memlog.NewGates()
	rollouts := verifier.NewRollouts(store, nil)
	for field, m := range map[string]verifier.RolloutMessage{
		"namespace": {Namespace: "Shop", Name: "podinfo", Checksum: "a"},
		"name":      {Namespace: "shop", Name: "pod/info", Checksum: "a"},
		"checksum":  {Namespace: "shop", Name: "podinfo", Checksum: "a b"},
	} {
		_, err := rollouts.Hear(t.Context(), m)
		var wrong *verifier.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, field, wrong.Field)
	}
	m := verifier.RolloutMessage{Namespace: "shop", Name: "podinfo", Checksum: "a"}
	store.Break(errors.New("away"))
	_, err := rollouts.Hear(t.Context(), m)
	require.ErrorContains(t, err, "away")
	store.Break(nil)
	_, err = store.Put(t.Context(), "shop/podinfo", []byte("{"), 0)
	require.NoError(t, err)
	_, err = rollouts.Hear(t.Context(), m)
	require.ErrorContains(t, err, "canary shop/podinfo, at revision 1, can't be read")
}

// The canaries are bounded, and those that are known go on.
func TestRolloutsAreNotTooMany(t *testing.T) {
	store := memlog.NewGates()
	rollouts := verifier.NewRollouts(store, nil)
	hear := func(name string) error {
		_, err := rollouts.Hear(t.Context(), verifier.RolloutMessage{Namespace: "shop", Name: name, Checksum: "a"})
		return err
	}
	for i := range verifier.MaxRollouts {
		require.NoError(t, hear(fmt.Sprintf("canary-%d", i)))
	}
	require.ErrorIs(t, hear("one-more"), verifier.ErrTooManyRollouts)
	require.NoError(t, hear("canary-7"))
}

// However often a rollout is restarted, what is kept stays bounded.
func TestRolloutsAreBounded(t *testing.T) {
	store := memlog.NewGates()
	rollouts := verifier.NewRollouts(store, nil)
	size := func(revisions int) int {
		for i := range revisions {
			_, err := rollouts.Hear(t.Context(), verifier.RolloutMessage{Namespace: "shop", Name: "podinfo", Checksum: fmt.Sprintf("%08d", i)})
			require.NoError(t, err)
		}
		data, _, err := store.Get(t.Context(), "shop/podinfo")
		require.NoError(t, err)
		return len(data)
	}
	require.InDelta(t, size(100), size(1000), 100)
}
