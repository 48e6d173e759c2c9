package argorollouts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/analysis"
	"github.com/argoproj/argo-rollouts/controller/metrics"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/pkg/client/clientset/versioned/fake"
	informers "github.com/argoproj/argo-rollouts/pkg/client/informers/externalversions"
	analysisutil "github.com/argoproj/argo-rollouts/utils/analysis"
	"github.com/argoproj/argo-rollouts/utils/queue"
	"github.com/argoproj/argo-rollouts/utils/record"
	timeutil "github.com/argoproj/argo-rollouts/utils/time"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	kubeinformers "k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/yaml"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// text is that of an example of the documents.
func text(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(daemon.Root(t), "docs", "examples", filepath.FromSlash(path)))
	require.NoError(t, err)
	return string(text)
}

// example reads an example, strictly.
func example[T any](t *testing.T, path string) *T {
	t.Helper()
	out := new(T)
	require.NoError(t, yaml.UnmarshalStrict([]byte(text(t, path)), out))
	return out
}

// arguments are what Argo Rollouts makes of the arguments of the example's Rollout for a
// revision in a namespace.
func arguments(t *testing.T, namespace, hash string) []v1alpha1.Argument {
	t.Helper()
	rollout := example[v1alpha1.Rollout](t, "argo-rollouts/rollout.yaml")
	rollout.Namespace = namespace
	step := rollout.Spec.Strategy.Canary.Steps[1].Analysis
	revision := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}}}
	args, err := analysisutil.BuildArgumentsForRolloutAnalysisRun(step.Args, revision, revision, rollout)
	require.NoError(t, err)
	return args
}

// run has Argo Rollouts' own controller carry out an analysis by an example's template, at
// a faster pace, and returns it as it is when it is over.
func run(t *testing.T, d *daemon.Daemon, path string, args []v1alpha1.Argument, change func(*v1alpha1.Metric), secrets ...*corev1.Secret) *v1alpha1.AnalysisRun {
	t.Helper()
	template := example[v1alpha1.AnalysisTemplate](t, path)
	m := &template.Spec.Metrics[0]
	web := m.Provider.Web
	at := strings.Index(web.URL, "/v1/")
	require.Contains(t, web.URL[:at], "://falcogate.falco:8080")
	web.URL = d.URL + web.URL[at:]
	m.InitialDelay, m.Interval = "", "1s"
	if change != nil {
		change(m)
	}
	analysisRun, err := analysisutil.NewAnalysisRunFromTemplates([]*v1alpha1.AnalysisTemplate{template}, nil, args, nil, nil, nil, nil, "falco-1", "", "rollouts")
	require.NoError(t, err)
	analysisRun.UID = "1"

	client, kube := fake.NewSimpleClientset(analysisRun), kubefake.NewSimpleClientset()
	for _, secret := range secrets {
		require.NoError(t, kube.Tracker().Add(secret))
	}
	ours, theirs := informers.NewSharedInformerFactory(client, 0), kubeinformers.NewSharedInformerFactory(kube, 0)
	work := workqueue.NewNamedRateLimitingQueue(queue.DefaultArgoRolloutsRateLimiter(), "AnalysisRuns")
	controller := analysis.NewController(analysis.ControllerConfig{
		KubeClientSet: kube, ArgoProjClientset: client, AnalysisRunInformer: ours.Argoproj().V1alpha1().AnalysisRuns(),
		JobInformer: theirs.Batch().V1().Jobs(), JobPodsInformer: theirs.Core().V1().Pods(),
		AnalysisRunWorkQueue: work,
		MetricsServer:        metrics.NewMetricsServer(metrics.ServerConfig{Addr: "127.0.0.1:0", K8SRequestProvider: &metrics.K8sRequestsCountProvider{}}),
		Recorder:             record.NewFakeEventRecorder(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ours.Start(ctx.Done())
	theirs.Start(ctx.Done())
	ours.WaitForCacheSync(ctx.Done())
	theirs.WaitForCacheSync(ctx.Done())
	var wg sync.WaitGroup
	wg.Go(func() { _ = controller.Run(ctx, 1) }) // it never returns an error
	defer wg.Wait()
	defer work.ShutDown() // or a worker would wait for more
	defer cancel()
	looks := 0
	require.Eventually(t, func() bool {
		// A change has the controller look, by its clock: it has planned to look later.
		looks++
		_, err := client.ArgoprojV1alpha1().AnalysisRuns("rollouts").Patch(ctx, "falco-1", types.MergePatchType,
			fmt.Appendf(nil, `{"metadata":{"annotations":{"look":"%d"}}}`, looks), metav1.PatchOptions{})
		require.NoError(t, err)
		analysisRun, err = client.ArgoprojV1alpha1().AnalysisRuns("rollouts").Get(ctx, "falco-1", metav1.GetOptions{})
		require.NoError(t, err)
		return analysisRun.Status.Phase.Completed()
	}, daemon.Patience, 50*time.Millisecond)
	require.NotEmpty(t, analysisRun.Status.MetricResults, analysisRun.Status.Message)
	for _, r := range analysisRun.Status.MetricResults {
		for _, m := range r.Measurements {
			t.Logf("%s: %s %s %.300s", analysisRun.Status.Phase, m.Phase, m.Message, m.Value)
		}
	}
	return analysisRun
}

// hurry has the clock of Argo Rollouts go fifty times as fast: after an error it waits 10 s
// whatever the interval is.
func hurry(t *testing.T) {
	t.Helper()
	begun := time.Now()
	timeutil.SetNowTimeFunc(func() time.Time { return begun.Add(50 * time.Since(begun)) })
	t.Cleanup(func() { timeutil.SetNowTimeFunc(time.Now) })
}

// withSince asks since a time, where falcogate does not know where pods run.
func withSince(since string) func(*v1alpha1.Metric) {
	return func(m *v1alpha1.Metric) { m.Provider.Web.URL += "&since=" + since }
}

// count sets how many measurements are taken.
func count(n int) func(*v1alpha1.Metric) {
	return func(m *v1alpha1.Metric) { c := intstr.FromInt32(int32(n)); m.Count = &c }
}

func both(changes ...func(*v1alpha1.Metric)) func(*v1alpha1.Metric) {
	return func(m *v1alpha1.Metric) {
		for _, change := range changes {
			change(m)
		}
	}
}
