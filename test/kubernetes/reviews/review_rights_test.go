package reviews

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// audience is falcogate's own.
const audience = "falcogate"

var ours = controlplane.TokenOptions{Audiences: []string{audience}}

// rights gives somebody verbs on verdicts: in a namespace, or in all with "".
func rights(t *testing.T, namespace, name string, who rbacv1.Subject, rules ...rbacv1.PolicyRule) {
	t.Helper()
	ctx, rbac := t.Context(), shared.Clientset().RbacV1()
	meta := metav1.ObjectMeta{Name: name}
	if namespace == "" {
		meta.Name = controlplane.UniqueName(name)
		_, err := rbac.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name}, Subjects: []rbacv1.Subject{who},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		return
	}
	_, err := rbac.Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = rbac.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: []rbacv1.Subject{who},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func verdicts(verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{"falcogate.dev"}, Resources: []string{"verdicts"}, Verbs: verbs}
}

func serviceAccount(t *testing.T, namespace, name string) rbacv1.Subject {
	t.Helper()
	require.NoError(t, shared.ServiceAccount(t.Context(), namespace, name))
	return rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name}
}

// newNamespace makes a namespace of the test's own.
func newNamespace(t *testing.T, prefix string) string {
	t.Helper()
	namespace := controlplane.UniqueName(prefix)
	require.NoError(t, shared.Namespace(t.Context(), namespace))
	return namespace
}

// newToken is a token that nobody has used: the API server remembers for some
// seconds those that it has accepted.
func newToken(t *testing.T, namespace, name string, o controlplane.TokenOptions) string {
	t.Helper()
	token, err := shared.Token(t.Context(), namespace, name, o)
	require.NoError(t, err)
	return token
}

// TestWhoIsKnown asks about tokens that are good, and that are no good for one
// reason each.
func TestWhoIsKnown(t *testing.T) {
	ctx := t.Context()
	client := gate(t)
	namespace := newNamespace(t, "known")
	serviceAccount(t, namespace, "ci")
	serviceAccount(t, namespace, "ended")
	node := shared.Kubelet(controlplane.UniqueName("node"))
	pod := controlplane.Pod(namespace, "job")
	pod.Spec.ServiceAccountName = "ci"
	alive, err := node.CreateRunning(ctx, pod)
	require.NoError(t, err)
	pod.Name = "job-gone"
	gone, err := node.CreateRunning(ctx, pod)
	require.NoError(t, err)
	bound := controlplane.TokenOptions{Audiences: ours.Audiences, Pod: gone}
	ofGonePod := newToken(t, namespace, "ci", bound)
	require.NoError(t, node.Delete(ctx, gone))
	ofGoneAccount := newToken(t, namespace, "ended", ours)
	require.NoError(t, shared.Clientset().CoreV1().ServiceAccounts(namespace).Delete(ctx, "ended", metav1.DeleteOptions{}))
	good := newToken(t, namespace, "ci", ours)

	bound.Pod = alive
	expired := controlplane.TokenOptions{Audiences: ours.Audiences, Expiry: -2 * time.Minute}
	for name, c := range map[string]struct {
		token     string
		audiences []string // of the reviewer; nil means falcogate's own
		want      string   // why it is refused; empty: it is not
	}{
		"for us":                         {token: good},
		"for us and others":              {token: newToken(t, namespace, "ci", controlplane.TokenOptions{Audiences: []string{"vault", audience}})},
		"of a pod":                       {token: newToken(t, namespace, "ci", bound)},
		"for one of several audiences":   {token: good, audiences: []string{"other", audience}},
		"for the API server, as asked":   {token: newToken(t, namespace, "ci", controlplane.TokenOptions{}), audiences: []string{}},
		"for the API server":             {token: newToken(t, namespace, "ci", controlplane.TokenOptions{}), want: "audience"},
		"for another":                    {token: newToken(t, namespace, "ci", controlplane.TokenOptions{Audiences: []string{"vault"}}), want: "audience"},
		"for us, and not the API server": {token: newToken(t, namespace, "ci", ours), audiences: []string{}, want: "audience"},
		"expired":                        {token: newToken(t, namespace, "ci", expired), want: "expired"},
		"of a deleted pod":               {token: ofGonePod, want: "invalid bearer token"},
		"of a deleted service account":   {token: ofGoneAccount, want: "invalid bearer token"},
		"with a broken signature":        {token: good[:len(good)-8] + "AAAAAAAA", want: "invalid bearer token"},
		"no token at all":                {token: "no-token-at-all", want: "invalid bearer token"},
		"of nobody":                      {token: "a.b.c", want: "invalid bearer token"},
	} {
		t.Run(name, func(t *testing.T) {
			audiences := c.audiences
			if audiences == nil {
				audiences = []string{audience}
			}
			r := kube.NewReviewer(client, kube.ReviewerOptions{Audiences: audiences})
			id, err := r.Authenticate(t.Context(), c.token)
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, "system:serviceaccount:"+namespace+":ci", id.Username)
				require.NotEmpty(t, id.UID)
				require.Contains(t, id.Groups, "system:serviceaccounts:"+namespace)
				return
			}
			var refused *kube.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, refused.Reason, c.want)
			require.Zero(t, id)
			for part := range strings.SplitSeq(c.token, ".") {
				if len(part) >= 8 {
					require.NotContains(t, err.Error(), part)
				}
			}
			again, err := r.Authenticate(t.Context(), c.token)
			require.ErrorAs(t, err, &refused, "and it stays so")
			require.Zero(t, again)
		})
	}
}

// TestWhatTheyMayDo asks what RBAC gives to each, in each namespace.
func TestWhatTheyMayDo(t *testing.T) {
	client := gate(t)
	shop, bank := newNamespace(t, "shop"), newNamespace(t, "bank")
	serviceAccount(t, shop, "nobody")
	rights(t, shop, "asks", serviceAccount(t, shop, "asker"), verdicts("get"))
	rights(t, shop, "publishes", serviceAccount(t, shop, "publisher"), verdicts("get", "create"))
	rights(t, bank, "asks", serviceAccount(t, bank, "asker"), verdicts("get"))
	rights(t, "", "asks-everywhere", serviceAccount(t, bank, "auditor"), verdicts("get"))
	rights(t, "", "scrapes", serviceAccount(t, bank, "scraper"), rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}})
	rights(t, bank, "group-asks", rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "system:serviceaccounts:" + shop}, verdicts("create"))
	rights(t, shop, "everything-of-another-group", serviceAccount(t, shop, "other"),
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"*"}, Verbs: []string{"*"}})

	ask := func(namespace string) kube.Access {
		return kube.Access{Verb: "get", Resource: "verdicts", Namespace: namespace}
	}
	publish := func(namespace string) kube.Access {
		return kube.Access{Verb: "create", Resource: "verdicts", Namespace: namespace}
	}
	metrics := kube.Access{Verb: "get", NonResourcePath: "/metrics"}
	accesses := map[string]kube.Access{
		"ask shop": ask(shop), "ask bank": ask(bank), "ask everywhere": ask(""), "ask nowhere": ask(controlplane.UniqueName("nowhere")),
		"publish shop": publish(shop), "publish bank": publish(bank), "metrics": metrics,
	}
	for who, allowed := range map[string][]string{
		shop + "/nobody":    {"publish bank"}, // by its group
		shop + "/asker":     {"ask shop", "publish bank"},
		shop + "/publisher": {"ask shop", "publish shop", "publish bank"},
		shop + "/other":     {"publish bank"},
		bank + "/asker":     {"ask bank"},
		bank + "/auditor":   {"ask shop", "ask bank", "ask everywhere", "ask nowhere"},
		bank + "/scraper":   {"metrics"},
	} {
		t.Run(who, func(t *testing.T) {
			r := kube.NewReviewer(client, kube.ReviewerOptions{Audiences: []string{audience}})
			namespace, name, _ := strings.Cut(who, "/")
			id, err := r.Authenticate(t.Context(), newToken(t, namespace, name, ours))
			require.NoError(t, err)
			var have []string
			for what, access := range accesses {
				ok, err := r.Allowed(t.Context(), id, access)
				require.NoError(t, err, what)
				again, err := r.Allowed(t.Context(), id, access)
				require.NoError(t, err, what)
				require.Equal(t, ok, again, what)
				if ok {
					have = append(have, what)
				}
			}
			require.ElementsMatch(t, allowed, have)
		})
	}
}

// TestRightsThatAreTakenAway wants an answer to hold no longer than its time.
func TestRightsThatAreTakenAway(t *testing.T) {
	ctx := t.Context()
	client := gate(t)
	namespace := newNamespace(t, "taken")
	rights(t, namespace, "asks", serviceAccount(t, namespace, "asker"), verdicts("get"))
	now := time.Now()
	r := kube.NewReviewer(client, kube.ReviewerOptions{Audiences: []string{audience}, Now: func() time.Time { return now }})
	id, err := r.Authenticate(ctx, newToken(t, namespace, "asker", ours))
	require.NoError(t, err)
	access := kube.Access{Verb: "get", Resource: "verdicts", Namespace: namespace}
	ok, err := r.Allowed(ctx, id, access)
	require.NoError(t, err)
	require.True(t, ok)

	require.NoError(t, shared.Clientset().RbacV1().RoleBindings(namespace).Delete(ctx, "asks", metav1.DeleteOptions{}))
	fresh := func() bool { // the API server's own view lags a little behind
		fresh := kube.NewReviewer(client, kube.ReviewerOptions{Audiences: []string{audience}})
		ok, err := fresh.Allowed(context.WithoutCancel(ctx), id, access)
		return err == nil && !ok
	}
	require.Eventually(t, fresh, time.Minute, 20*time.Millisecond)
	now = now.Add(9 * time.Second)
	ok, err = r.Allowed(ctx, id, access)
	require.NoError(t, err)
	require.True(t, ok, "kept")
	now = now.Add(2 * time.Second)
	ok, err = r.Allowed(ctx, id, access)
	require.NoError(t, err)
	require.False(t, ok)
}

// TestWithoutTheRightToAsk is falcogate without its own rights: nobody is known,
// and nobody is refused for it.
func TestWithoutTheRightToAsk(t *testing.T) {
	ctx := t.Context()
	gate(t)
	namespace := newNamespace(t, "powerless")
	kubeconfig, err := shared.KubeconfigFor(newToken(t, namespace, "default", controlplane.TokenOptions{}))
	require.NoError(t, err)
	r := kube.NewReviewer(connect(t, kubeconfig), kube.ReviewerOptions{Audiences: []string{audience}})
	_, err = r.Authenticate(ctx, newToken(t, namespace, "default", ours))
	require.ErrorContains(t, err, "right to create tokenreviews")
	var refused *kube.RefusedError
	require.NotErrorAs(t, err, &refused)
	ok, err := r.Allowed(ctx, kube.Identity{Username: "alice"}, kube.Access{Verb: "get", Resource: "verdicts"})
	require.ErrorContains(t, err, "right to create subjectaccessreviews")
	require.False(t, ok)
}
