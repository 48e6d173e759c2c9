package argorollouts

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/clients/documents"
)

const (
	template = "argo-rollouts/analysistemplate.yaml"
	hash     = "7d9f8c6b5" // of checkout's pods in the recording
)

// phases are what the measurements came to.
func phases(r *v1alpha1.AnalysisRun) (all []v1alpha1.AnalysisPhase) {
	for _, m := range r.Status.MetricResults[0].Measurements {
		all = append(all, m.Phase)
	}
	return all
}

// playing is a falcogate with a Falco that plays: shadow-clean keeps quiet, and shop does
// not.
func playing(t *testing.T) *daemon.Daemon {
	t.Helper()
	d := daemon.Start(t)
	d.Play(t, "clean/http.jsonl.gz")
	d.Seen(t, "shop")
	return d
}

func TestVerdicts(t *testing.T) {
	// A recorded Falco lives for 45 s: each has its own.
	each := func(name string, verify func(t *testing.T, d *daemon.Daemon)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verify(t, playing(t))
		})
	}
	each("pass", func(t *testing.T, d *daemon.Daemon) {
		r := run(t, d, template, arguments(t, "shadow-clean", hash), both(withSince("3s"), count(3)))
		require.Equal(t, v1alpha1.AnalysisPhaseSuccessful, r.Status.Phase)
		require.Len(t, phases(r), 3)
	})
	each("fail", func(t *testing.T, d *daemon.Daemon) {
		r := run(t, d, template, arguments(t, "shop", hash), withSince("5m"))
		require.Equal(t, v1alpha1.AnalysisPhaseFailed, r.Status.Phase)
		require.Equal(t, []v1alpha1.AnalysisPhase{v1alpha1.AnalysisPhaseFailed}, phases(r), "one is enough")
		value := r.Status.MetricResults[0].Measurements[0].Value
		require.Contains(t, value, `"reason":"alerts"`)
		require.Less(t, len(value), 4096, "the AnalysisRun keeps it")
		t.Logf("%d bytes are kept of an answer", len(value))
	})
	each("of another revision", func(t *testing.T, d *daemon.Daemon) {
		r := run(t, d, template, arguments(t, "shop", "5f8c9d7b6"), both(withSince("3s"), count(3)))
		require.Equal(t, v1alpha1.AnalysisPhaseSuccessful, r.Status.Phase, "the stable pods' alerts are not the canary's")
	})
	each("inconclusive", func(t *testing.T, d *daemon.Daemon) {
		// Where pods run is not known to this falcogate, and so there is no first pod.
		r := run(t, d, template, arguments(t, "shadow-clean", hash), nil)
		require.Equal(t, v1alpha1.AnalysisPhaseInconclusive, r.Status.Phase, "the Rollout pauses")
		require.Len(t, phases(r), 3, "above inconclusiveLimit")
		require.Contains(t, r.Status.MetricResults[0].Measurements[0].Value, `"reason":"no_workload"`)
	})
	each("a Stage of Kargo", func(t *testing.T, d *daemon.Daemon) {
		args := []v1alpha1.Argument{{Name: "namespace", Value: ptr("shop")}}
		r := run(t, d, "kargo/analysistemplate.yaml", args, nil)
		require.Equal(t, v1alpha1.AnalysisPhaseFailed, r.Status.Phase)
	})
}

func ptr(s string) *string { return &s }

// The Job's container asks the same, and its exit code is the answer.
func TestJob(t *testing.T) {
	documents.Configuration(t, "argo-rollouts.md", text(t, template))
	d := daemon.Start(t)
	d.Replay(t, "clean/http.jsonl.gz")
	job := example[v1alpha1.AnalysisTemplate](t, "argo-rollouts/analysistemplate-job.yaml").Spec.Metrics[0].Provider.Job
	ask := func(namespace string, more ...string) int {
		values := []string{"{{args.severity}}", "warning"}
		for _, a := range arguments(t, namespace, hash) {
			values = append(values, "{{args."+a.Name+"}}", *a.Value)
		}
		var args []string
		for _, arg := range job.Spec.Template.Spec.Containers[0].Args {
			args = append(args, strings.NewReplacer(values...).Replace(arg))
		}
		require.NotContains(t, strings.Join(args, " "), "{{")
		at := slices.Index(args, "--server=http://falcogate.falco:8080")
		args[at] = "--server=" + d.URL
		_, code := d.Run(t, append(args, more...)...)
		return code
	}
	require.Equal(t, 1, ask("shop", "--since=5m"))
	require.Equal(t, 2, ask("shadow-clean", "--wait=0"), "where pods run is not known")
	require.Equal(t, 0, ask("shadow-clean", "--since=20s", "--until=8s", "--clock-skew=10m", "--wait=0"))
	require.Equal(t, 3, ask("shadow-clean", "--since=yesterday"))
}

// What is no answer is an Error, and after more than four in a row the analysis is one:
// nothing passes.
func TestErrors(t *testing.T) {
	d := daemon.Start(t)
	d.Replay(t, "clean/http.jsonl.gz")
	requireErrors := func(t *testing.T, r *v1alpha1.AnalysisRun, message string) {
		t.Helper()
		require.Equal(t, v1alpha1.AnalysisPhaseError, r.Status.Phase)
		require.Len(t, phases(r), 5)
		for _, m := range r.Status.MetricResults[0].Measurements {
			require.Equal(t, v1alpha1.AnalysisPhaseError, m.Phase)
			require.Contains(t, m.Message, message)
		}
	}
	hurry(t)
	args := arguments(t, "shadow-clean", hash)
	t.Run("a typo", func(t *testing.T) {
		requireErrors(t, run(t, d, template, args, withSince("5m&sevirity=error")), "received non 2xx response code: 400")
	})
	t.Run("time-out", func(t *testing.T) {
		// The answer is pending, and would be held for longer than Argo waits.
		slow := func(m *v1alpha1.Metric) { m.Provider.Web.TimeoutSeconds = 1 }
		requireErrors(t, run(t, d, template, args, both(withSince("2s"), slow)), "Client.Timeout exceeded")
	})
	t.Run("503", func(t *testing.T) {
		// A replica that starts says so with Retry-After, which Argo does not heed: it asks
		// again after the interval.
		to, err := url.Parse(d.URL)
		require.NoError(t, err)
		var asked atomic.Int64
		proxy := httputil.NewSingleHostReverseProxy(to)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) <= 4 {
				w.Header().Set("Retry-After", "2")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			proxy.ServeHTTP(w, r)
		}))
		defer server.Close()
		away := *d
		away.URL = server.URL
		r := run(t, &away, template, arguments(t, "shop", hash), withSince("5m"))
		require.Equal(t, v1alpha1.AnalysisPhaseFailed, r.Status.Phase, "four errors are not too many")
		require.Equal(t, v1alpha1.AnalysisPhaseError, phases(r)[0])
		require.EqualValues(t, 5, asked.Load())
	})
	t.Run("server down", func(t *testing.T) {
		d.Stop(t)
		requireErrors(t, run(t, d, template, args, withSince("5m")), "connection refused")
	})
}

// The token comes from a Secret, and a wrong one is an Error.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "callers.yaml")
	require.NoError(t, os.WriteFile(file, []byte("callers:\n- {name: rollouts, token: rollouts-of-the-shop-0123, namespaces: [shop], verbs: [get]}\n"), 0o600))
	d := daemon.Start(t, "--auth", "token", "--auth-file", file)
	d.Replay(t, "clean/http.jsonl.gz")
	secret := func(token string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "falcogate-token", Namespace: "rollouts"}, Data: map[string][]byte{"token": []byte(token)}}
	}
	args := arguments(t, "shop", hash)
	hurry(t)
	r := run(t, d, "argo-rollouts/analysistemplate-token.yaml", args, withSince("5m"), secret("rollouts-of-the-shop-0123"))
	require.Equal(t, v1alpha1.AnalysisPhaseFailed, r.Status.Phase)
	r = run(t, d, "argo-rollouts/analysistemplate-token.yaml", args, withSince("5m"), secret("of-another-9876543210"))
	require.Equal(t, v1alpha1.AnalysisPhaseError, r.Status.Phase)
	require.Contains(t, r.Status.MetricResults[0].Measurements[0].Message, "401")
	r = run(t, d, template, args, withSince("5m"))
	require.Equal(t, v1alpha1.AnalysisPhaseError, r.Status.Phase)
}
