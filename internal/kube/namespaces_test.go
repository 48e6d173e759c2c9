package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var namespaceMade = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

func namespaceWith(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, UID: types.UID("uid-" + name), Labels: labels, CreationTimestamp: metav1.Time{Time: namespaceMade},
	}}
}

func TestWhichNamespacesAskForAGate(t *testing.T) {
	owner := func(at time.Time, fields string) metav1.ManagedFieldsEntry {
		f := &metav1.FieldsV1{}
		require.NoError(t, f.UnmarshalJSON([]byte(fields)))
		return metav1.ManagedFieldsEntry{Time: &metav1.Time{Time: at}, FieldsV1: f}
	}
	labelled := `{"f:metadata":{"f:labels":{"f:falcogate.dev/gate":{}}}}`
	for name, c := range map[string]struct {
		labels map[string]string
		change func(*corev1.Namespace)
		want   *Namespace
	}{
		"no label":      {labels: map[string]string{GateRunLabel: "1"}},
		"a policy":      {labels: map[string]string{GateLabel: "shadow"}, want: &Namespace{Policy: "shadow", Since: namespaceMade}},
		"without value": {labels: map[string]string{GateLabel: ""}, want: &Namespace{Since: namespaceMade}},
		"a run":         {labels: map[string]string{GateLabel: "shadow", GateRunLabel: "42"}, want: &Namespace{Policy: "shadow", Run: "42", Since: namespaceMade}},
		"closed":        {labels: map[string]string{GateLabel: "shadow", GateStateLabel: "closed"}, want: &Namespace{Policy: "shadow", Closed: true, Since: namespaceMade}},
		"another state": {labels: map[string]string{GateLabel: "shadow", GateStateLabel: "open"}, want: &Namespace{Policy: "shadow", Since: namespaceMade}},
		"being deleted": {labels: map[string]string{GateLabel: "shadow"}, change: func(ns *corev1.Namespace) {
			ns.DeletionTimestamp = &metav1.Time{Time: namespaceMade}
		}, want: &Namespace{Policy: "shadow", Closed: true, Since: namespaceMade}},
		"labelled later": {labels: map[string]string{GateLabel: "shadow"}, change: func(ns *corev1.Namespace) {
			ns.ManagedFields = []metav1.ManagedFieldsEntry{
				owner(namespaceMade.Add(time.Hour), labelled), owner(namespaceMade.Add(2*time.Hour), `{"f:metadata":{"f:labels":{"f:team":{}}}}`),
				owner(namespaceMade.Add(3*time.Hour), `{"f:status":{}}`), {Time: &metav1.Time{Time: namespaceMade.Add(4 * time.Hour)}},
			}
		}, want: &Namespace{Policy: "shadow", Since: namespaceMade.Add(time.Hour)}},
		"fields that are nonsense": {labels: map[string]string{GateLabel: "shadow"}, change: func(ns *corev1.Namespace) {
			ns.ManagedFields = []metav1.ManagedFieldsEntry{owner(namespaceMade.Add(time.Hour), `{"f:metadata":[]}`)}
		}, want: &Namespace{Policy: "shadow", Since: namespaceMade}},
	} {
		t.Run(name, func(t *testing.T) {
			ns := namespaceWith("a", c.labels)
			if c.change != nil {
				c.change(ns)
			}
			got, asks := namespaceOf(ns)
			require.Equal(t, c.want != nil, asks)
			if asks {
				c.want.Name, c.want.UID = "a", "uid-a"
				require.Equal(t, *c.want, got)
			}
		})
	}
}

func TestNamespaceStore(t *testing.T) {
	s := newNamespaceStore()
	asking := func(name string) *corev1.Namespace { return namespaceWith(name, map[string]string{GateLabel: "p"}) }
	require.NoError(t, s.Replace([]any{asking("b"), asking("a"), namespaceWith("kube-system", nil), namespaceWith("c", nil)}, ""))
	names := func() (all []string) {
		cluster, set := s.all()
		require.Equal(t, Cluster("uid-kube-system"), cluster)
		for _, ns := range set {
			all = append(all, ns.Name)
		}
		return all
	}
	require.Equal(t, []string{"a", "b"}, names())
	require.NoError(t, s.Add(asking("d")))
	require.NoError(t, s.Update(namespaceWith("a", nil)))
	require.NoError(t, s.Delete(asking("b")))
	require.Equal(t, []string{"d"}, names())
	require.NoError(t, s.Replace([]any{asking("e")}, ""))
	require.Equal(t, []string{"e"}, names())
	require.NoError(t, s.Resync())
	for _, take := range []func(any) error{s.Add, s.Update, s.Delete} {
		require.ErrorContains(t, take(&corev1.Pod{}), "want a namespace")
	}
	require.Len(t, s.moved, 1)
}
