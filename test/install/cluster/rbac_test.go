package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	patience = 30 * time.Second
	tick     = 100 * time.Millisecond
)

// may asks the API server, as kubectl auth can-i does.
func may(t *testing.T, user string, a authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review, err := plane.Clientset().AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &a},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return review.Status.Allowed
}

// What falcogate's service account may do, and what it must not.
func TestRights(t *testing.T) {
	const falco = "falco-of-rights"
	require.NoError(t, plane.Namespace(t.Context(), falco))
	type rights = authorizationv1.ResourceAttributes
	for name, c := range map[string]struct {
		set          string
		yes, nothing []rights
	}{
		"http": {
			"falco.output=http",
			[]rights{
				{Verb: "list", Resource: "pods"}, {Verb: "watch", Resource: "pods"},
				{Verb: "create", Group: "authentication.k8s.io", Resource: "tokenreviews"},
				{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"},
			},
			[]rights{{Verb: "create", Group: "coordination.k8s.io", Resource: "leases", Namespace: "OWN"}, {Verb: "list", Resource: "nodes"}},
		},
		"no placements, own tokens": {
			"placements=false,auth.mode=token,auth.secret=callers",
			nil,
			[]rights{
				{Verb: "list", Resource: "pods"}, {Verb: "create", Group: "authentication.k8s.io", Resource: "tokenreviews"},
				{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"},
			},
		},
		"discover": {
			"falco.output=discover,falco.discover.tlsSecret=client,placements=false,falco.namespace=" + falco,
			[]rights{
				{Verb: "list", Resource: "pods", Namespace: falco}, {Verb: "watch", Resource: "pods", Namespace: falco},
				{Verb: "create", Group: "coordination.k8s.io", Resource: "leases", Namespace: "OWN"},
				{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: "OWN", Name: "OWN-falco"},
			},
			[]rights{
				{Verb: "list", Resource: "pods"}, {Verb: "create", Group: "coordination.k8s.io", Resource: "leases", Namespace: falco},
				{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: "OWN", Name: "other"},
			},
		},
		"policies and labels of nodes": {
			"config.gate-policies=/etc/policies.yaml,config.node-hostname-label=host",
			[]rights{{Verb: "watch", Resource: "namespaces"}, {Verb: "list", Resource: "nodes"}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := namespaceAt(t, "restricted")
			_, err := helm(t, "install", "falcogate", chart, "--namespace", namespace, "--set", "fullnameOverride="+namespace+","+c.set)
			require.NoError(t, err)
			user := "system:serviceaccount:" + namespace + ":" + namespace
			own := func(a rights) rights {
				if a.Namespace == "OWN" {
					a.Namespace = namespace
				}
				if a.Name == "OWN-falco" {
					a.Name = namespace + "-falco"
				}
				return a
			}
			for _, a := range c.yes {
				require.Eventually(t, func() bool { return may(t, user, own(a)) }, patience, tick, "%+v", a)
			}
			for _, a := range append(c.nothing,
				rights{Verb: "get", Resource: "secrets", Namespace: namespace}, rights{Verb: "list", Resource: "secrets"},
				rights{Verb: "create", Resource: "pods", Namespace: namespace}, rights{Verb: "delete", Resource: "pods"},
				rights{Verb: "get", Resource: "pods", Subresource: "log"}, rights{Verb: "create", Resource: "pods", Subresource: "exec"},
				rights{Verb: "get", Resource: "configmaps"}, rights{Verb: "impersonate", Resource: "users"},
				rights{Verb: "get", Group: "falcogate.dev", Resource: "verdicts"}, rights{Verb: "*", Group: "*", Resource: "*"},
			) {
				require.False(t, may(t, user, own(a)), "%+v", a)
			}
		})
	}
}
