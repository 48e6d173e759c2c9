package verifier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"
)

// RolloutStore keeps what is known of canaries, durably, for all replicas. Its methods
// wait out an outage until ctx ends, and may be called concurrently.
type RolloutStore interface {
	// Put stores what is known of a canary, unless another has changed it since the
	// revision (zero: made it); then the error is ErrGateChanged. It returns the new
	// revision.
	Put(ctx context.Context, canary string, data []byte, revision uint64) (uint64, error)
	// Get returns what is known of a canary, with revision zero when there is nothing.
	Get(ctx context.Context, canary string) (data []byte, revision uint64, err error)
	// Count is how many canaries something is known of.
	Count(ctx context.Context) (int, error)
}

// MaxRollouts bounds the canaries that something is known of. Each is forgotten a month
// after it was heard of last.
const MaxRollouts = 10_000

// ErrTooManyRollouts says that as many canaries are known as may be.
var ErrTooManyRollouts = errors.New("too many canaries are known")

// Rollouts remembers since when alerts count for the canaries that somebody else rolls
// out: from the first that was heard of a revision, by whichever replica, until its
// rollout is over. All methods may be called concurrently.
type Rollouts struct {
	store RolloutStore
	now   func() time.Time
}

// NewRollouts makes Rollouts over a store. Now is the clock; nil means time.Now.
func NewRollouts(store RolloutStore, now func() time.Time) *Rollouts {
	if now == nil {
		now = time.Now
	}
	return &Rollouts{store, now}
}

// canaryName is what Kubernetes lets a resource be called, and checksumForm what tells
// its revisions apart.
var (
	canaryName   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	checksumForm = regexp.MustCompile(`^[!-~]{1,128}$`)
)

// Check returns a *FieldError for the first part of a message that is wrong, or nil.
func (m RolloutMessage) Check() error {
	if err := CheckNamespace(m.Namespace); err != nil {
		return err
	}
	if !canaryName.MatchString(m.Name) {
		return &FieldError{"name", fmt.Sprintf("want the name of a canary: 1 to 253 lower-case letters, digits, hyphens and dots, have %.80q", m.Name)}
	}
	if !checksumForm.MatchString(m.Checksum) {
		return &FieldError{"checksum", fmt.Sprintf("want 1 to 128 printable characters, have %.80q", m.Checksum)}
	}
	return nil
}

// Hear takes note of a message and says since when alerts count for the revision that
// it is about. It returns when that is stored. The error is a *FieldError,
// ErrTooManyRollouts, ctx's or the store's; then nothing is known.
func (r *Rollouts) Hear(ctx context.Context, m RolloutMessage) (Rollout, error) {
	if err := m.Check(); err != nil {
		return Rollout{}, err
	}
	key := m.Namespace + "/" + m.Name
	for {
		data, rev, err := r.store.Get(ctx, key)
		if err != nil {
			return Rollout{}, err
		}
		var known *rollout
		if rev == 0 {
			if n, err := r.store.Count(ctx); err != nil || n >= MaxRollouts {
				return Rollout{}, cmp.Or(err, ErrTooManyRollouts)
			}
		} else {
			known = &rollout{}
			if err := json.Unmarshal(data, known); err != nil {
				return Rollout{}, fmt.Errorf("what is kept of canary %s, at revision %d, can't be read: %w", key, rev, err)
			}
		}
		now := r.now().UTC().Round(0)
		next, answer := known.hear(m, now)
		if known != nil && now.Sub(next.Heard) >= heardEvery {
			next.Heard = now
		}
		text, err := json.Marshal(next)
		if err != nil {
			return Rollout{}, fmt.Errorf("encoding what is known of canary %s: %w", key, err)
		}
		if string(text) == string(data) {
			return answer, nil
		}
		switch _, err := r.store.Put(ctx, key, text, rev); {
		case err == nil:
			return answer, nil
		case !errors.Is(err, ErrGateChanged):
			return Rollout{}, err
		}
	}
}
