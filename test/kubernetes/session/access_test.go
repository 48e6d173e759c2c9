package session

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// TestAccess asks falcogate with real tokens of all kinds what each of them may, and
// what none of them may.
func TestAccess(t *testing.T) {
	ctx := t.Context()
	own, other := controlplane.UniqueName("own"), controlplane.UniqueName("other")
	for _, ns := range []string{own, other} {
		require.NoError(t, cluster.Namespace(ctx, ns))
	}
	rbac := cluster.Clientset().RbacV1()
	verbs := func(verbs ...string) []rbacv1.PolicyRule {
		return []rbacv1.PolicyRule{{APIGroups: []string{"falcogate.dev"}, Resources: []string{"verdicts"}, Verbs: verbs}}
	}
	account := func(name, namespace string, rules []rbacv1.PolicyRule) string {
		require.NoError(t, cluster.ServiceAccount(ctx, own, name))
		subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: own}}
		role := metav1.ObjectMeta{Name: own + "-" + name}
		switch {
		case rules == nil:
		case namespace == "":
			_, err := rbac.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: role, Rules: rules}, metav1.CreateOptions{})
			require.NoError(t, err)
			_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: role, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name}, Subjects: subjects,
			}, metav1.CreateOptions{})
			require.NoError(t, err)
		default:
			_, err := rbac.Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: role, Rules: rules}, metav1.CreateOptions{})
			require.NoError(t, err)
			_, err = rbac.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
				ObjectMeta: role, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}, Subjects: subjects,
			}, metav1.CreateOptions{})
			require.NoError(t, err)
		}
		return name
	}
	token := func(name string, o controlplane.TokenOptions) string {
		if o.Audiences == nil {
			o.Audiences = []string{"falcogate"}
		}
		token, err := cluster.Token(ctx, own, name, o)
		require.NoError(t, err)
		return token
	}
	reader := account("reader", own, verbs("get"))
	publisher := account("publisher", own, verbs("get", "create"))
	elsewhere := account("elsewhere", other, verbs("get"))
	operator := account("operator", "", verbs("get"))
	stranger := account("stranger", "", nil)
	scraper := account("scraper", "", []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}})

	kubelet, err := cluster.JoinNode(ctx, controlplane.UniqueName("access"), nil)
	require.NoError(t, err)
	deleted := controlplane.Pod(own, "deleted")
	deleted.Spec.ServiceAccountName = reader
	pod, err := kubelet.CreateRunning(ctx, deleted)
	require.NoError(t, err)
	ofAPod := token(reader, controlplane.TokenOptions{Pod: pod})
	require.NoError(t, kubelet.Delete(ctx, pod))

	callers := map[string]string{
		"nobody": "", "nonsense": "bm9uc2Vuc2Utbm9uc2Vuc2U",
		"another audience": token(reader, controlplane.TokenOptions{Audiences: []string{"vault"}}),
		"the API server's": token(reader, controlplane.TokenOptions{Audiences: []string{"https://kubernetes.default.svc"}}),
		"expired":          token(reader, controlplane.TokenOptions{Expiry: -2 * time.Minute}),
		"a deleted pod's":  ofAPod,
		"reader":           token(reader, controlplane.TokenOptions{}), "publisher": token(publisher, controlplane.TokenOptions{}),
		"elsewhere": token(elsewhere, controlplane.TokenOptions{}), "operator": token(operator, controlplane.TokenOptions{}),
		"stranger": token(stranger, controlplane.TokenOptions{}), "scraper": token(scraper, controlplane.TokenOptions{}),
	}
	d := serve(t, "--kubernetes", "--kubeconfig", cluster.Kubeconfig(), "--auth", "kubernetes")
	const (
		ask     = "GET /v1/verdict?since=1s&evidence=none&namespace="
		publish = "POST /v1/verdicts "
	)
	unknown := []string{"nobody", "nonsense", "another audience", "the API server's", "expired", "a deleted pod's"}
	for request, may := range map[string]map[string]bool{
		ask + own:                           {"reader": true, "publisher": true, "operator": true},
		ask + other:                         {"elsewhere": true, "operator": true},
		"GET /v1/alerts?namespace=" + own:   {"reader": true, "publisher": true, "operator": true},
		"GET /v1/alerts?scope=unattributed": {"operator": true},
		"GET /v1/sensors":                   {"operator": true},
		"GET /v1/diagnosis":                 {"operator": true},
		"GET /metrics":                      {"operator": true, "scraper": true},
		publish + own:                       {"publisher": true},
		publish + other:                     {},
	} {
		for caller, token := range callers {
			status, body := d.request(t, request, token)
			want := http.StatusForbidden
			switch {
			case may[caller]:
				want = http.StatusOK
			case slices.Contains(unknown, caller):
				want = http.StatusUnauthorized
			}
			require.Equal(t, want, status, "%s by %s: %s", request, caller, body)
			if token != "" {
				require.NotContains(t, body, token)
			}
		}
	}
	for _, open := range []string{"GET /healthz", "GET /readyz"} {
		status, _ := d.request(t, open, "")
		require.Equal(t, http.StatusOK, status, open)
	}

	// With the API server away nobody is let in who was not before, and it says so.
	require.NoError(t, cluster.StopAPIServer())
	status, body := d.request(t, ask+own, token2(callers["reader"]))
	require.Equal(t, http.StatusServiceUnavailable, status, body)
	require.NoError(t, cluster.StartAPIServer(ctx))
}

// token2 is another token than the one that is known: nothing is remembered of it.
func token2(token string) string { return token[:len(token)-4] + "AAAA" }

// request sends one, given as "METHOD PATH" or as "POST PATH NAMESPACE".
func (d *daemon) request(t *testing.T, what, token string) (status int, body string) {
	t.Helper()
	parts := append(strings.Split(what, " "), "")
	method, path, namespace := parts[0], parts[1], parts[2]
	var content io.Reader
	if namespace != "" {
		data, err := json.Marshal(map[string]string{"namespace": namespace, "since": "1s", "evidence": "none"})
		require.NoError(t, err)
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.api+path, content)
	require.NoError(t, err)
	if namespace != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(data)
}
