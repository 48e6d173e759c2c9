package kube

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// defaultReviewTTL is how long an answer is kept. A right that was taken away
	// is felt that late at most.
	defaultReviewTTL = 10 * time.Second
	// reviewTimeout bounds one request. Its callers may leave earlier.
	reviewTimeout = 10 * time.Second
	// maxTokenBytes is far above any token of Kubernetes, and below what would
	// cost the API server something.
	maxTokenBytes = 16 << 10
)

// Identity is who a token speaks for, as the API server says. It is shared with
// others who came with the same token: don't write to it.
type Identity struct {
	Username, UID string
	Groups        []string
	Extra         map[string][]string
}

// ReviewerOptions configure a Reviewer.
type ReviewerOptions struct {
	// Audiences are those that a token must be for: one of them is enough. None
	// means the API server's own.
	Audiences []string
	// TTL is how long an answer is kept: zero means 10 s, below zero not at all.
	TTL time.Duration
	// Now is the clock of the cache. Nil means time.Now.
	Now func() time.Time
	// Registerer gets the reviewer's collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// Reviewer asks the API server who a token speaks for, and what they may do. It
// keeps the answers for a short time, refusals too, and asks once for all who ask
// the same at the same time. Errors are not kept. All methods may be called
// concurrently.
type Reviewer struct {
	client    *Client
	audiences []string
	ttl       time.Duration
	now       func() time.Time
	tokens    *answers[tokenAnswer]
	access    *answers[bool]
}

// NewReviewer makes a Reviewer. Two of them may share a registerer, and count
// together.
func NewReviewer(c *Client, o ReviewerOptions) *Reviewer {
	if o.TTL == 0 {
		o.TTL = defaultReviewTTL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := newReviewMetrics(o.Registerer)
	return &Reviewer{
		client: c, audiences: slices.Clone(o.Audiences), ttl: o.TTL, now: o.Now,
		tokens: newAnswers[tokenAnswer](o.Now, m.of(reviewOfToken)),
		access: newAnswers[bool](o.Now, m.of(reviewOfAccess)),
	}
}

// tokenAnswer is what was said of a token: refused, or who it is.
type tokenAnswer struct {
	identity Identity
	refused  *RefusedError // nil when the token was accepted
}

// Authenticate says who a token speaks for. It blocks until the API server has
// answered, for 10 s at most, or ctx ends; an answer that is kept comes at once.
//
// The error is a *RefusedError when the token is not accepted. Any other error
// means that the API server could not be asked: then nobody is known, and the
// caller should be told to come again.
func (r *Reviewer) Authenticate(ctx context.Context, token string) (Identity, error) {
	switch {
	case token == "":
		return Identity{}, &RefusedError{Reason: "it is empty"}
	case len(token) > maxTokenBytes:
		return Identity{}, &RefusedError{Reason: fmt.Sprintf("it has %d bytes, want at most %d", len(token), maxTokenBytes)}
	}
	answer, err := r.tokens.get(ctx, sha256.Sum256([]byte(token)), func(ctx context.Context) (finding[tokenAnswer], error) {
		return r.reviewToken(ctx, token)
	})
	switch {
	case err != nil:
		return Identity{}, fmt.Errorf("kubernetes: the API server could not be asked whose token this is (it takes the right to create tokenreviews): %w", err)
	case answer.refused != nil:
		return Identity{}, answer.refused
	}
	return answer.identity, nil
}

// reviewToken asks the API server.
func (r *Reviewer) reviewToken(ctx context.Context, token string) (finding[tokenAnswer], error) {
	review, err := r.client.api.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: r.audiences},
	}, metav1.CreateOptions{})
	if err != nil {
		return finding[tokenAnswer]{}, err
	}
	if reason := r.refusal(token, &review.Status); reason != "" {
		return finding[tokenAnswer]{answer: tokenAnswer{refused: &RefusedError{Reason: reason}}, ttl: r.ttl}, nil
	}
	f := finding[tokenAnswer]{answer: tokenAnswer{identity: identityOf(review.Status.User)}, yes: true, ttl: r.ttl}
	if expiry, ok := expiryOf(token); ok {
		f.ttl = min(f.ttl, expiry.Sub(r.now()))
	}
	return f, nil
}

// refusal says why an answer is no acceptance, or nothing when it is one. A
// server that knows nothing of audiences leaves theirs out; its yes is then about
// its own audience and not about ours.
func (r *Reviewer) refusal(token string, s *authenticationv1.TokenReviewStatus) string {
	ours := func(audience string) bool { return slices.Contains(r.audiences, audience) }
	switch {
	case !s.Authenticated && s.Error == "":
		return "the API server does not know it"
	case !s.Authenticated || s.Error != "":
		return withoutToken(s.Error, token)
	case len(r.audiences) > 0 && len(s.Audiences) == 0:
		return fmt.Sprintf("it must be for audience %q, and the API server does not say which it is for", r.audiences)
	case len(r.audiences) > 0 && !slices.ContainsFunc(s.Audiences, ours):
		return withoutToken(fmt.Sprintf("it is for audience %q, want one for %q", s.Audiences, r.audiences), token)
	case s.User.Username == "":
		return "the API server names no user for it"
	}
	return ""
}

// identityOf takes over what the API server said of a user.
func identityOf(user authenticationv1.UserInfo) Identity {
	id := Identity{Username: user.Username, UID: user.UID, Groups: user.Groups}
	if len(user.Extra) > 0 {
		id.Extra = make(map[string][]string, len(user.Extra))
		for key, values := range user.Extra {
			id.Extra[key] = values
		}
	}
	return id
}
