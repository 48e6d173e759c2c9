package kube

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestParseFalcoSelector(t *testing.T) {
	for in, want := range map[string][2]string{
		"falco/app.kubernetes.io/name=falco":    {"falco", "app.kubernetes.io/name=falco"},
		"security/app in (falco, falco-arm),!x": {"security", "app in (falco, falco-arm),!x"},
		"f/app":                                 {"f", "app"},
	} {
		namespace, selector, err := ParseFalcoSelector(in)
		require.NoError(t, err, in)
		require.Equal(t, want, [2]string{namespace, selector})
	}
	for in, want := range map[string]string{
		"":                 "namespace",
		"falco":            "is empty",
		"falco/":           "is empty",
		"/app=falco":       "namespace",
		"Falco/app=falco":  "namespace",
		"a.b/app=falco":    "namespace",
		"falco/app=":       "",
		"falco/app=fa lco": "label selector",
		"falco/=falco":     "label selector",
	} {
		_, _, err := ParseFalcoSelector(in)
		if want == "" {
			require.NoError(t, err, in)
			continue
		}
		require.ErrorContains(t, err, want, in)
		require.ErrorContains(t, err, "want NAMESPACE/SELECTOR", in)
	}
	err := (&Client{}).WatchFalcos(t.Context(), FalcoOptions{Namespace: "falco"}, nil)
	require.ErrorContains(t, err, "every pod")
}

// falcoPod is a pod as the API server has it.
func falcoPod(uid string, phase corev1.PodPhase, ip string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "falco-" + uid, UID: types.UID(uid)},
		Spec:       corev1.PodSpec{NodeName: "node-" + uid},
		Status:     corev1.PodStatus{Phase: phase, PodIP: ip},
	}
}

func TestWhichPodsAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"running":                 {falcoPod("a", corev1.PodRunning, "10.0.0.1"), true},
		"running without address": {falcoPod("a", corev1.PodRunning, ""), false},
		"pending":                 {falcoPod("a", corev1.PodPending, ""), false},
		"pending with an address": {falcoPod("a", corev1.PodPending, "10.0.0.1"), false},
		"node not heard":          {falcoPod("a", corev1.PodUnknown, "10.0.0.1"), true},
		"succeeded":               {falcoPod("a", corev1.PodSucceeded, "10.0.0.1"), false},
		"failed":                  {falcoPod("a", corev1.PodFailed, "10.0.0.1"), false},
	} {
		t.Run(name, func(t *testing.T) {
			f, ok := falcoOf(c.pod)
			require.Equal(t, c.want, ok)
			if ok {
				require.Equal(t, Falco{UID: "a", Name: "falco-a", Node: "node-a", IP: "10.0.0.1"}, f)
			}
		})
	}
	terminating := falcoPod("a", corev1.PodRunning, "10.0.0.1")
	terminating.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	terminating.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	_, ok := falcoOf(terminating)
	require.True(t, ok, "it may have alerts left")
}

func TestFalcoStore(t *testing.T) {
	s := newFalcoStore()
	ips := func() (ips []string) {
		for _, f := range s.all() {
			ips = append(ips, f.Name+" "+f.IP)
		}
		return ips
	}
	require.NoError(t, s.Replace([]any{falcoPod("b", corev1.PodRunning, "10.0.0.2"), falcoPod("a", corev1.PodRunning, "10.0.0.1"),
		falcoPod("c", corev1.PodPending, "")}, "1"))
	require.Equal(t, []string{"falco-a 10.0.0.1", "falco-b 10.0.0.2"}, ips())
	<-s.moved
	require.NoError(t, s.Update(falcoPod("c", corev1.PodRunning, "10.0.0.3")))
	require.NoError(t, s.Update(falcoPod("a", corev1.PodRunning, "10.0.0.9")))
	require.NoError(t, s.Update(falcoPod("b", corev1.PodFailed, "10.0.0.2")))
	require.Equal(t, []string{"falco-a 10.0.0.9", "falco-c 10.0.0.3"}, ips())

	// A name that comes again before the old pod's end is told.
	again := falcoPod("d", corev1.PodRunning, "10.0.0.9")
	again.Name = "falco-a"
	require.NoError(t, s.Add(again))
	require.NoError(t, s.Delete(falcoPod("a", corev1.PodRunning, "10.0.0.9")))
	require.Equal(t, []string{"falco-a 10.0.0.9", "falco-c 10.0.0.3"}, ips())
	<-s.moved
	require.Empty(t, s.moved, "one word for all of them")

	require.NoError(t, s.Replace(nil, "2"))
	require.Empty(t, s.all())
	require.NoError(t, s.Resync())
	for _, err := range []error{s.Add(1), s.Update("x"), s.Delete(nil), s.Replace([]any{1}, "")} {
		require.ErrorContains(t, err, "want a pod")
	}
}

// The reflector's waits end with the context.
func TestClockUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		clock := clockUntil{ctx: ctx}
		begin := time.Now()
		<-clock.After(time.Minute)
		require.Equal(t, time.Minute, time.Since(begin))
		wait := clock.After(time.Minute)
		cancel()
		<-wait
		<-clock.After(time.Minute)
		require.Equal(t, time.Minute, time.Since(begin))
	})
}
