package flagger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/canary"
	"github.com/fluxcd/flagger/pkg/client/clientset/versioned/fake"
	informers "github.com/fluxcd/flagger/pkg/client/informers/externalversions"
	"github.com/fluxcd/flagger/pkg/controller"
	"github.com/fluxcd/flagger/pkg/logger"
	"github.com/fluxcd/flagger/pkg/metrics/observers"
	"github.com/fluxcd/flagger/pkg/notifier"
	"github.com/fluxcd/flagger/pkg/router"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// operator is Flagger's own controller over the API objects of one canary.
type operator struct {
	namespace string
	kube      *kubefake.Clientset
	flagger   *fake.Clientset
	calls     *calls
	done      chan struct{}
	ticks     int
}

// example is the canary of the documents.
func example(t *testing.T) *flaggerv1.Canary {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(daemon.Root(t), "docs", "examples", "flagger", "canary.yaml"))
	require.NoError(t, err)
	c := &flaggerv1.Canary{}
	require.NoError(t, yaml.UnmarshalStrict(text, c))
	return c
}

// start runs Flagger with the canary of the documents, in a namespace, with falcogate
// behind calls.
func start(t *testing.T, namespace string, calls *calls, iterations int) *operator {
	t.Helper()
	c := example(t)
	c.Namespace, c.Spec.Analysis.Iterations, c.Spec.Analysis.Threshold, c.Spec.Analysis.Interval = namespace, iterations, 100, "1h"
	for i := range c.Spec.Analysis.Webhooks {
		w := &c.Spec.Analysis.Webhooks[i]
		path, ours := strings.CutPrefix(w.URL, "http://falcogate.falco:8080/")
		require.True(t, ours, w.URL)
		w.URL = calls.url + "/" + path
	}
	one, labels := int32(1), map[string]string{"app": c.Name}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: c.Spec.TargetRef.Name, Namespace: namespace}, Spec: appsv1.DeploymentSpec{
		Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "checkout:1", Ports: []corev1.ContainerPort{{ContainerPort: 80}}}}},
		},
	}}
	f := &operator{
		namespace: namespace, calls: calls, done: make(chan struct{}), kube: kubefake.NewSimpleClientset(deployment), flagger: fake.NewSimpleClientset(c),
	}
	log, err := logger.NewLogger("error")
	require.NoError(t, err)
	factory := informers.NewSharedInformerFactory(f.flagger, 0)
	flagger := factory.Flagger().V1beta1()
	observer, err := observers.NewFactory("http://127.0.0.1:1") // nothing asks for a metric
	require.NoError(t, err)
	prometheus.DefaultRegisterer = prometheus.NewRegistry() // each Flagger is one process, with its metrics there
	run := controller.NewController(f.kube, f.flagger,
		controller.Informers{CanaryInformer: flagger.Canaries(), MetricInformer: flagger.MetricTemplates(), AlertInformer: flagger.AlertProviders()},
		20*time.Millisecond, log, &notifier.NopNotifier{},
		canary.NewFactory(f.kube, f.flagger, &canary.ConfigTracker{Logger: log, KubeClient: f.kube, FlaggerClient: f.flagger}, []string{"app"}, []string{""}, log),
		router.NewFactory(nil, f.kube, f.flagger, "", "", log, f.flagger, false),
		observer, flaggerv1.KubernetesProvider, "test", "", "", false)
	stop := make(chan struct{})
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	go func() {
		defer close(f.done)
		if err := run.Run(1, stop); err != nil {
			t.Errorf("Flagger: %v", err)
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-f.done
	})
	return f
}

// canary is it as it is now.
func (f *operator) canary(t *testing.T) *flaggerv1.Canary {
	t.Helper()
	c, err := f.flagger.FlaggerV1beta1().Canaries(f.namespace).Get(t.Context(), "checkout", metav1.GetOptions{})
	require.NoError(t, err)
	return c
}

// tick has Flagger look at the canary now: it begins a schedule anew, with a look, when
// the interval is another. The shortest that it takes otherwise is 10 s.
func (f *operator) tick(t *testing.T) {
	t.Helper()
	f.ticks++
	require.Eventually(t, func() bool {
		c := f.canary(t)
		c.Spec.Analysis.Interval = (time.Hour + time.Duration(f.ticks)*time.Second).String()
		_, err := f.flagger.FlaggerV1beta1().Canaries(f.namespace).Update(t.Context(), c, metav1.UpdateOptions{})
		return err == nil
	}, daemon.Patience, time.Millisecond)
}

// ready has the pods of all deployments run, as a cluster would.
func (f *operator) ready(t *testing.T) {
	t.Helper()
	all, err := f.kube.AppsV1().Deployments(f.namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for i := range all.Items {
		d := &all.Items[i]
		n := *d.Spec.Replicas
		d.Status = appsv1.DeploymentStatus{Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n}
		_, err := f.kube.AppsV1().Deployments(f.namespace).UpdateStatus(t.Context(), d, metav1.UpdateOptions{})
		require.False(t, err != nil && !errors.IsConflict(err), "%v", err)
	}
}

// advance ticks until the canary is in one of the phases.
func (f *operator) advance(t *testing.T, phases ...flaggerv1.CanaryPhase) (phase flaggerv1.CanaryPhase) {
	t.Helper()
	require.Eventually(t, func() bool {
		f.ready(t)
		phase = f.canary(t).Status.Phase
		for _, want := range phases {
			if phase == want {
				return true
			}
		}
		if f.calls.idle() {
			f.tick(t)
		}
		return false
	}, daemon.Patience, 500*time.Millisecond, "phase %s", phase)
	return phase
}

// initialise has Flagger take over the deployment as it is.
func (f *operator) initialise(t *testing.T) {
	t.Helper()
	f.advance(t, flaggerv1.CanaryPhaseInitialized)
}

// rollOut gives the deployment another image, and returns the phase that comes of it.
func (f *operator) rollOut(t *testing.T) flaggerv1.CanaryPhase {
	t.Helper()
	d, err := f.kube.AppsV1().Deployments(f.namespace).Get(t.Context(), "checkout", metav1.GetOptions{})
	require.NoError(t, err)
	d.Spec.Template.Spec.Containers[0].Image = "checkout:2"
	_, err = f.kube.AppsV1().Deployments(f.namespace).Update(t.Context(), d, metav1.UpdateOptions{})
	require.NoError(t, err)
	return f.advance(t, flaggerv1.CanaryPhaseSucceeded, flaggerv1.CanaryPhaseFailed)
}
