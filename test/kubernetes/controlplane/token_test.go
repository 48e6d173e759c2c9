package controlplane

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// TestTokensAndRights asks for the pods of a namespace with tokens that may and may
// not. It is what RBAC and the authentication of service accounts decide, with no
// part of either replaced.
func TestTokensAndRights(t *testing.T) {
	ctx := t.Context()
	rights, elsewhere := UniqueName("rights"), UniqueName("elsewhere")
	for _, namespace := range []string{rights, elsewhere} {
		require.NoError(t, shared.Namespace(ctx, namespace))
		require.NoError(t, shared.ServiceAccount(ctx, namespace, "reader"))
		allowReadingPods(t, namespace, rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: "reader"})
	}
	node := shared.Kubelet(UniqueName("node"))
	pod := Pod(rights, "reader")
	pod.Spec.ServiceAccountName = "reader"
	alive, err := node.Create(ctx, pod)
	require.NoError(t, err)
	pod.Name = "ended"
	ended, err := node.Create(ctx, pod)
	require.NoError(t, err)
	// This token must not be used before: the server remembers those that it accepted.
	tokenOfEnded, err := shared.Token(ctx, rights, "reader", TokenOptions{Pod: ended})
	require.NoError(t, err)
	require.NoError(t, node.Delete(ctx, ended))

	accepted := func(err error) bool { return err == nil }
	tests := map[string]struct {
		namespace, account string
		options            TokenOptions
		token              string
		want               func(error) bool
	}{
		"reader":                  {namespace: rights, account: "reader", want: accepted},
		"its own audience":        {namespace: rights, account: "reader", options: TokenOptions{Audiences: []string{issuer}}, want: accepted},
		"bound to a pod":          {namespace: rights, account: "reader", options: TokenOptions{Pod: alive}, want: accepted},
		"short":                   {namespace: rights, account: "reader", options: TokenOptions{Expiry: time.Minute}, want: accepted},
		"no rights":               {namespace: rights, account: "default", want: apierrors.IsForbidden},
		"rights elsewhere":        {namespace: elsewhere, account: "reader", want: apierrors.IsForbidden},
		"another audience":        {namespace: rights, account: "reader", options: TokenOptions{Audiences: []string{"falcogate"}}, want: apierrors.IsUnauthorized},
		"expired":                 {namespace: rights, account: "reader", options: TokenOptions{Expiry: -2 * time.Minute}, want: apierrors.IsUnauthorized},
		"bound to a deleted pod":  {token: tokenOfEnded, want: apierrors.IsUnauthorized},
		"with a broken signature": {token: tokenOfEnded[:len(tokenOfEnded)-8] + "AAAAAAAA", want: apierrors.IsUnauthorized},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			token := tt.token
			if token == "" {
				var err error
				token, err = shared.Token(ctx, tt.namespace, tt.account, tt.options)
				require.NoError(t, err)
			}
			kubeconfig, err := shared.KubeconfigFor(token)
			require.NoError(t, err)
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			require.NoError(t, err)
			api, err := kubernetes.NewForConfig(config)
			require.NoError(t, err)
			pods, err := api.CoreV1().Pods(rights).List(ctx, metav1.ListOptions{})
			require.True(t, tt.want(err), "%v", err)
			if err == nil {
				require.Len(t, pods.Items, 1)
			}
		})
	}
}

// allowReadingPods binds a role for the pods of a namespace.
func allowReadingPods(t *testing.T, namespace string, who rbacv1.Subject) {
	t.Helper()
	rbac := shared.Clientset().RbacV1()
	_, err := rbac.Roles(namespace).Create(t.Context(), &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "pod-reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = rbac.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "pod-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "pod-reader"},
		Subjects:   []rbacv1.Subject{who},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}
