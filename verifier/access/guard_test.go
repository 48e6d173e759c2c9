package access

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

const authFile = `
callers:
  - {name: shop-pipeline, token: ` + tokenA + `, namespaces: [shop, shop-canary], verbs: [get, create]}
  - {name: shop-pipeline, token: ` + tokenA + `, namespaces: [cart], verbs: [get]}
  - {name: operator, token: ` + tokenB + `, namespaces: ["*"], verbs: [get]}
  - {user: release, namespaces: [shop], verbs: [create]}
  - {group: team-shop, namespaces: [shop], verbs: [get]}
  - {group: team-cart, namespaces: [cart], verbs: [get]}
  - {group: operators, namespaces: ["*"], verbs: [get, create]}
`

// actions are all that the tests ask for.
var actions = []Action{
	{Get, "shop", ""}, {Create, "shop", ""}, {Get, "shop-canary", ""}, {Get, "cart", ""}, {Create, "cart", ""},
	{Get, "shop-1", ""}, {Get, "", ""}, {Create, "", ""}, {Get, "", MetricsPath},
}

// allowed says for each action whether it is, as y and n.
func allowed(t *testing.T, g Guard, c Caller) (all string) {
	t.Helper()
	for _, a := range actions {
		ok, err := g.Allowed(t.Context(), c, a)
		require.NoError(t, err)
		all += map[bool]string{true: "y", false: "n"}[ok]
	}
	return all
}

func TestOpen(t *testing.T) {
	c, err := Open{}.Authenticate(t.Context(), Credentials{})
	require.NoError(t, err)
	require.Equal(t, "yyyyyyyyy", allowed(t, Open{}, c))
}

func TestTokens(t *testing.T) {
	f := parsed(t, authFile)
	g := NewTokens(func() *File { return f })
	require.Equal(t, Bearer, g.Scheme())
	for _, tt := range []struct {
		name  string
		given Credentials
		who   string
		may   string // empty when nobody is let in
	}{
		{"of two entries", Credentials{Token: tokenA}, "shop-pipeline", "yyyynnnnn"},
		{"of all namespaces", Credentials{Token: tokenB}, "operator", "ynyynyyny"},
		{"none", Credentials{}, "", ""},
		{"another", Credentials{Token: tokenA + "0"}, "", ""},
		{"a part", Credentials{Token: tokenA[:18]}, "", ""},
		{"the digest of one", Credentials{Token: sumB}, "", ""},
		{"a certificate", Credentials{Certificate: certificate("release", "operators")}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := g.Authenticate(t.Context(), tt.given)
			if tt.may == "" {
				requireUnauthenticated(t, err, tt.given)
				require.Empty(t, c)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.who, c.Username)
			require.Equal(t, tt.may, allowed(t, g, c))
		})
	}
}

// requireUnauthenticated wants that error, without what was given.
func requireUnauthenticated(t *testing.T, err error, given Credentials) {
	t.Helper()
	var refused *UnauthenticatedError
	require.ErrorAs(t, err, &refused)
	require.NotErrorIs(t, err, ErrUnavailable)
	require.NotEmpty(t, refused.Detail)
	if given.Token != "" {
		require.NotContains(t, err.Error(), given.Token)
	}
}

func certificate(user string, groups ...string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: user, Organization: groups}}
}

func TestCertificates(t *testing.T) {
	f := parsed(t, authFile)
	g := NewCertificates(func() *File { return f })
	require.Equal(t, Certificate, g.Scheme())
	for _, tt := range []struct {
		name  string
		given Credentials
		may   string
	}{
		{"a user", Credentials{Certificate: certificate("release")}, "nynnnnnnn"},
		{"a group", Credentials{Certificate: certificate("jane", "team-shop")}, "ynnnnnnnn"},
		{"a user and groups", Credentials{Certificate: certificate("release", "team-shop", "team-cart")}, "yynynnnnn"},
		{"again", Credentials{Certificate: certificate("release", "team-cart")}, "nynynnnnn"},
		{"all", Credentials{Certificate: certificate("joe", "operators")}, "yyyyyyyyy"},
		{"of nobody's", Credentials{Certificate: certificate("team-shop", "release", "shop-pipeline")}, "nnnnnnnnn"},
		{"without a name", Credentials{Certificate: certificate("", "operators")}, ""},
		{"none", Credentials{}, ""},
		{"a token", Credentials{Token: tokenB}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := g.Authenticate(t.Context(), tt.given)
			if tt.may == "" {
				requireUnauthenticated(t, err, tt.given)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.given.Certificate.Subject.CommonName, c.Username)
			require.Equal(t, tt.may, allowed(t, g, c))
		})
	}
}

// What the file says next holds for the next request, and not for one under way.
func TestFileChanges(t *testing.T) {
	f := parsed(t, authFile)
	g := NewTokens(func() *File { return f })
	before, err := g.Authenticate(t.Context(), Credentials{Token: tokenA})
	require.NoError(t, err)
	f = parsed(t, "callers: [{name: new, token: "+tokenA+", namespaces: [new], verbs: [get]}]")
	require.Equal(t, "yyyynnnnn", allowed(t, g, before))
	after, err := g.Authenticate(t.Context(), Credentials{Token: tokenA})
	require.NoError(t, err)
	require.Equal(t, "nnnnnnnnn", allowed(t, g, after))
	_, err = g.Authenticate(t.Context(), Credentials{Token: tokenB})
	requireUnauthenticated(t, err, Credentials{Token: tokenB})
}

// reviews answers as Kubernetes would; what is not set there is not accepted.
type reviews struct {
	tokens map[string]Identity
	may    map[string]bool // by user and action
	fail   error
	asked  []string
	hold   chan struct{} // reviews block until it is closed, unless nil
}

func (r *reviews) wait(ctx context.Context) error {
	if r.hold == nil {
		return r.fail
	}
	select {
	case <-r.hold:
		return r.fail
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *reviews) Authenticate(ctx context.Context, token string) (Identity, error) {
	if err := r.wait(ctx); err != nil {
		return Identity{}, err
	}
	id, ok := r.tokens[token]
	if !ok {
		return Identity{}, fmt.Errorf("token review: %w", &UnauthenticatedError{Detail: "the review says more"})
	}
	return id, nil
}

func (r *reviews) Allowed(ctx context.Context, id Identity, a Action) (bool, error) {
	if err := r.wait(ctx); err != nil {
		return false, err
	}
	r.asked = append(r.asked, a.String())
	return r.may[id.Username+" "+a.String()], nil
}

func TestReviewed(t *testing.T) {
	jane := Identity{Username: "jane", UID: "u-1", Groups: []string{"g"}, Extra: map[string][]string{"e": {"1"}}}
	r := &reviews{
		tokens: map[string]Identity{tokenA: jane, tokenB: {Username: "prometheus"}, "nameless": {}},
		may: map[string]bool{
			"jane get verdicts in namespace shop": true, "jane get verdicts in all namespaces": true,
			"prometheus get /metrics": true,
		},
	}
	g := NewReviewed(r)
	require.Equal(t, Bearer, g.Scheme())
	for _, given := range []Credentials{{}, {Token: "unknown"}, {Certificate: certificate("jane")}} {
		_, err := g.Authenticate(t.Context(), given)
		requireUnauthenticated(t, err, given)
		require.NotContains(t, err.Error(), "says more", "what Kubernetes says is for the log")
	}
	_, err := g.Authenticate(t.Context(), Credentials{Token: "nameless"})
	require.ErrorIs(t, err, ErrUnavailable)

	c, err := g.Authenticate(t.Context(), Credentials{Token: tokenA})
	require.NoError(t, err)
	require.Equal(t, jane, c.Identity)
	// Rights in all namespaces are Kubernetes' to extend to one of them, but for
	// the path, which has no namespace.
	require.Equal(t, "ynnnnnyny", allowed(t, g, c))
	c, err = g.Authenticate(t.Context(), Credentials{Token: tokenB})
	require.NoError(t, err)
	r.asked = nil
	require.Equal(t, "nnnnnnnny", allowed(t, g, c))
	require.Len(t, r.asked, len(actions), "a path that is allowed needs no more")
}

// A fault of the API server is not a no, and never a yes.
func TestReviewsFail(t *testing.T) {
	r := &reviews{tokens: map[string]Identity{tokenA: {Username: "jane"}}, fail: errors.New("connection refused")}
	g := NewReviewed(r)
	_, err := g.Authenticate(t.Context(), Credentials{Token: tokenA})
	require.ErrorIs(t, err, ErrUnavailable)
	var refused *UnauthenticatedError
	require.NotErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "connection refused")
	for _, a := range actions {
		ok, err := g.Allowed(t.Context(), Caller{Identity: Identity{Username: "jane"}}, a)
		require.ErrorIs(t, err, ErrUnavailable)
		require.False(t, ok)
	}
}

// An API server that does not answer holds nobody for long, and who comes when all
// turns are taken waits no longer.
func TestReviewsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewReviewed(&reviews{hold: make(chan struct{})})
		const callers = maxReviews + 8
		failed := make(chan error, callers)
		for range callers {
			go func() {
				_, err := g.Authenticate(t.Context(), Credentials{Token: tokenA})
				failed <- err
			}()
		}
		synctest.Wait()
		require.Len(t, g.(*reviewed).turns, maxReviews)
		for range callers {
			err := <-failed
			require.ErrorIs(t, err, ErrUnavailable)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Empty(t, g.(*reviewed).turns)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := g.Allowed(ctx, Caller{}, Action{Verb: Get})
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestActionsInWords(t *testing.T) {
	require.Equal(t, "get verdicts in namespace shop", Action{Verb: Get, Namespace: "shop"}.String())
	require.Equal(t, "create verdicts in all namespaces", Action{Verb: Create}.String())
	require.Equal(t, "get /metrics", Action{Verb: Get, Path: MetricsPath}.String())
}
