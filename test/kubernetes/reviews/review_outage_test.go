package reviews

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/kube"
)

func asRefused(err error, refused **kube.RefusedError) bool { return errors.As(err, refused) }

// wantNoAnswer wants errors that are neither a yes nor a no, of tokens and of an
// access, all asked for at once.
func wantNoAnswer(t *testing.T, r *reviewer, id kube.Identity, access kube.Access, tokens ...string) {
	t.Helper()
	var all sync.WaitGroup
	for _, token := range tokens {
		all.Go(func() {
			have, err := r.Authenticate(t.Context(), token)
			refused := (*kube.RefusedError)(nil)
			if !isNoAnswer(err) || asRefused(err, &refused) || have.Username != "" || strings.Contains(err.Error(), token) {
				t.Errorf("have %+v, %v", have, err)
			}
		})
	}
	all.Go(func() {
		if ok, err := r.Allowed(t.Context(), id, access); ok || !isNoAnswer(err) {
			t.Errorf("have %t, %v", ok, err)
		}
	})
	all.Wait()
}

func isNoAnswer(err error) bool {
	return err != nil && strings.Contains(err.Error(), "could not be asked")
}

// TestTheAPIServerIsAway stops it and freezes it: an answer that is kept holds for
// its time, all else is an error, and it heals by itself.
func TestTheAPIServerIsAway(t *testing.T) {
	ctx := t.Context()
	r := newReviewer(t, kube.ReviewerOptions{})
	namespace := newNamespace(t, "away")
	rights(t, namespace, "asks", serviceAccount(t, namespace, "asker"), verdicts("get"))
	known, unknown := newToken(t, namespace, "asker", ours), newToken(t, namespace, "asker", ours)
	access := kube.Access{Verb: "get", Resource: "verdicts", Namespace: namespace}
	works := func(token string) {
		t.Helper()
		id, err := r.Authenticate(ctx, token)
		require.NoError(t, err)
		ok, err := r.Allowed(ctx, id, access)
		require.NoError(t, err)
		require.True(t, ok)
	}
	works(known)
	id, err := r.Authenticate(ctx, known)
	require.NoError(t, err)

	for name, outage := range map[string]struct {
		begin func() error
		end   func(context.Context) error
	}{
		"stopped": {shared.StopAPIServer, shared.StartAPIServer},
		"frozen":  {func() error { return shared.PauseAPIServer(ctx) }, shared.ResumeAPIServer},
	} {
		t.Run(name, func(t *testing.T) {
			works(known)
			require.NoError(t, outage.begin())
			ended := false
			defer func() {
				if !ended {
					require.NoError(t, outage.end(context.WithoutCancel(ctx)))
				}
			}()
			works(known)
			r.advance(11 * time.Second)
			wantNoAnswer(t, r, id, access, known, unknown)
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			_, err := r.Authenticate(short, unknown)
			require.ErrorContains(t, err, "could not be asked", "whoever waits is free to leave")

			require.NoError(t, outage.end(ctx))
			ended = true
			works(known)
			works(unknown)
			r.advance(11 * time.Second)
		})
	}
}
