package access

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reviewer asks Kubernetes. It caches as it sees fit.
type Reviewer interface {
	// Authenticate says whose token it is (TokenReview). The error is an
	// *UnauthenticatedError, or wraps one, when it is not accepted, for this
	// audience or at all; any other means that it could not be found out.
	Authenticate(ctx context.Context, token string) (Identity, error)
	// Allowed reports whether somebody may do something (SubjectAccessReview): the
	// verb on Resource of Group in the action's namespace, empty for all, or on the
	// non-resource path. An error means that it could not be found out.
	Allowed(ctx context.Context, id Identity, a Action) (bool, error)
}

// Bounds of what a request may cost the API server.
const (
	// reviewTimeout bounds each question to the Reviewer.
	reviewTimeout = 5 * time.Second
	// maxReviews is how many are asked at once; more wait for their turn. Nobody
	// is known yet when a token is reviewed.
	maxReviews = 32
)

// reviewed is the Guard of NewReviewed.
type reviewed struct {
	reviewer Reviewer
	turns    chan struct{} // one element for each review under way
}

// NewReviewed makes the Guard that has Kubernetes say who calls and what they may
// do. At most 32 reviews are under way at once, each for at most 5 s.
func NewReviewed(r Reviewer) Guard {
	return &reviewed{r, make(chan struct{}, maxReviews)}
}

// Authenticate has the token reviewed.
func (g *reviewed) Authenticate(ctx context.Context, c Credentials) (Caller, error) {
	if c.Token == "" {
		return Caller{}, &UnauthenticatedError{Detail: noToken}
	}
	var id Identity
	err := g.review(ctx, func(ctx context.Context) (err error) {
		id, err = g.reviewer.Authenticate(ctx, c.Token)
		return err
	})
	var refused *UnauthenticatedError
	switch {
	case errors.As(err, &refused):
		return Caller{}, &UnauthenticatedError{
			Detail: "Kubernetes does not accept the bearer token: is it expired, its pod gone, or is it for another audience than falcogate's (serve --auth-audience)?",
			Cause:  err,
		}
	case err != nil:
		return Caller{}, fmt.Errorf("%w: token review: %w", ErrUnavailable, err)
	case id.Username == "":
		return Caller{}, fmt.Errorf("%w: token review: want a user's name, have none", ErrUnavailable)
	}
	return Caller{Identity: id}, nil
}

// Allowed has the action reviewed; a path that is not allowed by itself is to who
// may do the same in all namespaces.
func (g *reviewed) Allowed(ctx context.Context, caller Caller, a Action) (bool, error) {
	allowed, err := g.allowed(ctx, caller, a)
	if err == nil && !allowed && a.Path != "" {
		return g.allowed(ctx, caller, a.everywhere())
	}
	return allowed, err
}

func (g *reviewed) allowed(ctx context.Context, caller Caller, a Action) (allowed bool, err error) {
	err = g.review(ctx, func(ctx context.Context) (err error) {
		allowed, err = g.reviewer.Allowed(ctx, caller.Identity, a)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("%w: subject access review: %w", ErrUnavailable, err)
	}
	return allowed, nil
}

// review asks once it is its turn, all within reviewTimeout.
func (g *reviewed) review(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	select {
	case g.turns <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%d reviews are under way: %w", maxReviews, ctx.Err())
	}
	defer func() { <-g.turns }()
	return ask(ctx)
}

// Scheme is Bearer.
func (g *reviewed) Scheme() Scheme { return Bearer }
