package placements

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// web is a Deployment of three pods.
func web(image string) *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	replicas := int32(3)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: image}}},
			},
		},
	}
}

// With the real controllers and scheduler: the pods of a Deployment, those of one of its
// revisions, and a rollout from one to the next.
func TestWorkload(t *testing.T) {
	ctx := t.Context()
	c := controlplane.StartTest(t, controlplane.Options{Controllers: true, KWOK: true})
	nodes := []string{"kwok-1", "kwok-2", "kwok-3"}
	for _, node := range nodes {
		require.NoError(t, c.JoinKWOKNode(ctx, node, nil))
	}
	require.NoError(t, c.Namespace(ctx, "shadow"))
	log := newEventLog()
	log.watchOf(t, c, kube.PlacementOptions{})

	deployments := c.Clientset().AppsV1().Deployments("shadow")
	began := time.Now()
	_, err := deployments.Create(ctx, web("registry.k8s.io/pause:3.10"), metav1.CreateOptions{})
	require.NoError(t, err)
	deployment := correlate.PodScope{Namespace: "shadow", Owner: correlate.Owner{Kind: "deployment", Name: "web"}}
	ran := func(scope correlate.PodScope, pods int) func(*correlate.State) bool {
		return func(s *correlate.State) bool {
			return s.Placed(scope, correlate.Window{Start: began, End: time.Now()}, 0).Ran == pods
		}
	}
	log.await(t, "three pods run", ran(deployment, 3))
	first := log.revisions()
	require.Len(t, first, 1)
	require.False(t, log.firstPod(deployment).Before(began.Truncate(time.Second)))

	require.NoError(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		_, err := deployments.Update(ctx, web("registry.k8s.io/pause:3.9"), metav1.UpdateOptions{})
		return err
	}))
	log.await(t, "six pods have run", ran(deployment, 6))
	var second string
	for hash := range log.revisions() {
		if !first[hash] {
			second = hash
		}
	}
	require.NotEmpty(t, second)
	canary := deployment
	canary.Hash = second
	log.await(t, "three of the new revision", ran(canary, 3))
	replicaSet := correlate.PodScope{Namespace: "shadow", Owner: correlate.Owner{Kind: "ReplicaSet", Name: "web-" + second}}
	require.Equal(t, log.placed(canary, began, time.Now()).Sensors, log.placed(replicaSet, began, time.Now()).Sensors)
	require.True(t, log.firstPod(canary).After(log.firstPod(deployment)) || log.firstPod(canary).Equal(log.firstPod(deployment)))
	log.await(t, "the old pods have gone", func(s *correlate.State) bool { return s.PlacementStats().Running == 3 })
}

// firstPod is when the first pod of a scope was placed.
func (l *eventLog) firstPod(scope correlate.PodScope) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.FirstPod(scope)
}

// revisions are the hashes of the pods' templates.
func (l *eventLog) revisions() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	hashes := map[string]bool{}
	for _, rec := range l.records {
		if p, ok := rec.Body.(*correlate.Placement); ok {
			if hash, ok := p.Labels.Get("pod-template-hash"); ok {
				hashes[hash] = true
			}
		}
	}
	return hashes
}
