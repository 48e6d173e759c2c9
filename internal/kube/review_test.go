package kube

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
)

// What the API server says is an acceptance only when it is one for our audience,
// whatever kind of server it is.
func TestRefusal(t *testing.T) {
	alice := authenticationv1.UserInfo{Username: "alice"}
	for name, c := range map[string]struct {
		ask    []string
		status authenticationv1.TokenReviewStatus
		want   string // empty: accepted
	}{
		"for us": {
			[]string{"falcogate"}, authenticationv1.TokenReviewStatus{Authenticated: true, User: alice, Audiences: []string{"falcogate"}}, "",
		},
		"for one of ours": {
			[]string{"a", "b"}, authenticationv1.TokenReviewStatus{Authenticated: true, User: alice, Audiences: []string{"x", "b"}}, "",
		},
		"for the server, and no audience asked for": {
			nil, authenticationv1.TokenReviewStatus{Authenticated: true, User: alice, Audiences: []string{"https://kubernetes"}}, "",
		},
		"a server without audiences, and none asked for": {
			nil, authenticationv1.TokenReviewStatus{Authenticated: true, User: alice}, "",
		},
		"a server without audiences": {
			[]string{"falcogate"}, authenticationv1.TokenReviewStatus{Authenticated: true, User: alice}, "does not say which it is for",
		},
		"for another": {
			[]string{"falcogate"}, authenticationv1.TokenReviewStatus{Authenticated: true, User: alice, Audiences: []string{"vault"}}, `["vault"]`,
		},
		"unknown":                {[]string{"falcogate"}, authenticationv1.TokenReviewStatus{}, "does not know it"},
		"refused":                {nil, authenticationv1.TokenReviewStatus{Error: "it has expired"}, "it has expired"},
		"accepted with an error": {nil, authenticationv1.TokenReviewStatus{Authenticated: true, User: alice, Error: "half"}, "half"},
		"nobody":                 {nil, authenticationv1.TokenReviewStatus{Authenticated: true}, "no user"},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReviewer(&Client{}, ReviewerOptions{Audiences: c.ask})
			reason := r.refusal("a.secret-token.b", &c.status)
			if c.want == "" {
				require.Empty(t, reason)
				return
			}
			require.Contains(t, reason, c.want)
		})
	}
}

func TestIdentityOf(t *testing.T) {
	require.Equal(t, Identity{Username: "u", UID: "1", Groups: []string{"g"}, Extra: map[string][]string{"k": {"v"}}},
		identityOf(authenticationv1.UserInfo{
			Username: "u", UID: "1", Groups: []string{"g"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}},
		}))
	require.Equal(t, Identity{Username: "u"}, identityOf(authenticationv1.UserInfo{Username: "u"}))
}

// What can't be a token, and what is no question, costs the API server nothing: a
// client without one would panic.
func TestRefusedAtTheEdge(t *testing.T) {
	r := NewReviewer(&Client{}, ReviewerOptions{})
	for _, token := range []string{"", strings.Repeat("x", maxTokenBytes+1)} {
		_, err := r.Authenticate(t.Context(), token)
		var refused *RefusedError
		require.ErrorAs(t, err, &refused)
	}
	alice := Identity{Username: "alice"}
	for name, c := range map[string]struct {
		id Identity
		a  Access
	}{
		"nobody":     {Identity{Groups: []string{"g"}}, Access{Verb: "get", Resource: "verdicts"}},
		"no verb":    {alice, Access{Resource: "verdicts"}},
		"nothing":    {alice, Access{Verb: "get"}},
		"two things": {alice, Access{Verb: "get", Resource: "verdicts", NonResourcePath: "/metrics"}},
	} {
		t.Run(name, func(t *testing.T) {
			allowed, err := r.Allowed(t.Context(), c.id, c.a)
			require.False(t, allowed)
			require.ErrorContains(t, err, "access review: want")
		})
	}
}

func TestReviewersShareARegisterer(t *testing.T) {
	reg := prometheus.NewRegistry()
	first := NewReviewer(&Client{}, ReviewerOptions{Registerer: reg})
	second := NewReviewer(&Client{}, ReviewerOptions{Registerer: reg})
	first.tokens.metrics.hits.Inc()
	second.tokens.metrics.hits.Inc()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "falcogate_kube_review_cache_hits_total" {
			require.InDelta(t, 2, family.GetMetric()[1].GetCounter().GetValue(), 0)
			return
		}
	}
	require.Fail(t, "no hits")
}
