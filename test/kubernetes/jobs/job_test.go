package jobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/clients/documents"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
	"github.com/falcogate/falcogate/test/kubernetes/manifests"
)

// a heard daemon has heard a recording, and the window is one that it answers about.
type heard struct {
	url          string
	since, until time.Time
}

// trial is an example that runs to its end, and how that must be.
type trial struct {
	name, namespace string
	own             [][]string // environment by pod; the last counts for all that follow
	codes           []int      // of the pods
	end, reason     string
}

// TestJobs runs both examples for each verdict.
func TestJobs(t *testing.T) {
	ctx := t.Context()
	documents.Configuration(t, "kubernetes-job.md", example(t, jobExample))
	documents.Configuration(t, "argocd.md", example(t, hookExample))
	c := controlplane.StartTest(t, controlplane.Options{Controllers: true, NodeGrace: time.Hour})
	node, err := c.JoinNode(ctx, "node-1", nil)
	require.NoError(t, err)
	for _, namespace := range []string{"falcogate", "shadow-checkout"} {
		require.NoError(t, c.Namespace(ctx, namespace))
	}
	require.NoError(t, manifests.ApplyDocument(ctx, c.Clientset(), "../../../docs/access.md"))
	require.NoError(t, c.ServiceAccount(ctx, "falcogate", "falcogate"))
	for _, namespace := range []string{"dry", "shadow-clean", "shop"} {
		restricted(t, c, namespace)
	}
	taken(t, c, jobExample, "dry")
	taken(t, c, hookExample, "dry")

	whole, lossy := listen(t, c, "clean/http.jsonl.gz"), listen(t, c, "http-down/http.jsonl.gz")
	away := whole
	away.url = nobody(t)
	const again, atOnce, done = "BackoffLimitExceeded", "PodFailurePolicy", "CompletionsReached"
	retried := []int{2, 2, 2, 2} // once, and three times again
	several(t, c, node, []group{
		{"job", "kubernetes-job.md", jobExample, func(text string, s trial) string {
			return strings.NewReplacer("shadow-checkout", s.namespace, "gate-deploy-7", "gate-"+s.name).Replace(text)
		}, []trial{
			{"inconclusive", "shadow-clean", [][]string{lossy.environ()}, retried, "Failed", again},
			{"pass", "shadow-clean", [][]string{whole.environ()}, []int{0}, "Complete", done},
			{"fail", "shop", [][]string{whole.environ()}, []int{1}, "Failed", atOnce},
			{"away-at-first", "shadow-clean", [][]string{away.environ(), whole.environ()}, []int{2, 0}, "Complete", done},
			{"wrong-usage", "shadow-clean", [][]string{append(whole.environ(), "FALCOGATE_SINCE=yesterday")}, []int{3}, "Failed", atOnce},
		}},
		{"hook", "argocd.md", hookExample, func(text string, s trial) string {
			from := whole
			if s.name == "inconclusive" {
				from = lossy
			}
			// In place of minutes that are yet to come, those in which the recorded Falco lived.
			return strings.NewReplacer("=checkout", "="+s.namespace, "namespace: checkout", "namespace: "+s.namespace, "falco-gate", "falco-gate-"+s.name,
				"--since=5m", "--since="+from.since.Format(time.RFC3339Nano), "--duration=8m", "--duration=19s").Replace(text)
		}, []trial{
			{"inconclusive", "shadow-clean", [][]string{lossy.hook()}, retried, "Failed", again},
			{"pass", "shadow-clean", [][]string{whole.hook()}, []int{0}, "Complete", done},
			{"fail", "shop", [][]string{whole.hook()}, []int{1}, "Failed", atOnce},
			{"away-at-first", "shadow-clean", [][]string{away.hook(), whole.hook()}, []int{2, 0}, "Complete", done},
		}},
	})
}

// group is an example's trials, and the document that shows what they did.
type group struct {
	name, document, example string
	fill                    func(string, trial) string // in what a trial has of its own
	trials                  []trial
}

// several runs all trials side by side, as far as the machine lets them, and holds what
// they did against the documents.
func several(t *testing.T, c *controlplane.ControlPlane, node *controlplane.Kubelet, groups []group) {
	did := map[string][]string{}
	t.Run("to its end", func(t *testing.T) {
		for _, g := range groups {
			all := make([]string, len(g.trials))
			did[g.name] = all
			for i, s := range g.trials {
				t.Run(g.name+"/"+s.name, func(t *testing.T) {
					t.Parallel()
					job, err := apply(t.Context(), c, s.namespace, g.fill(example(t, g.example), s), "")
					require.NoError(t, err)
					all[i] = s.run(t, &kubelet{cluster: c, node: node}, job)
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	for _, g := range groups {
		documents.Output(t, g.document, g.name, strings.Join(did[g.name], "\n"))
	}
}

// gateOf finds the id of the verdict of a gate, and the gate's.
var gateOf = regexp.MustCompile(`(?m)^  id +(\w+)\n  gate +(\S+), `)

// run is the kubelet of a Job's pods until the Job has ended, and returns what they did.
func (s trial) run(t *testing.T, k *kubelet, job *batchv1.Job) string {
	t.Helper()
	var did strings.Builder
	fmt.Fprintf(&did, "# %s\n", s.name)
	clients := k.cluster.Clientset()
	selector := labels.Set{batchv1.ControllerUidLabel: string(job.UID)}.String()
	pods := cache.NewFilteredListWatchFromClient(clients.CoreV1().RESTClient(), "pods", job.Namespace, func(o *metav1.ListOptions) { o.LabelSelector = selector })
	var codes []int
	seen, gates := map[string]bool{}, map[string]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	_, err := toolswatch.UntilWithSync(ctx, pods, &corev1.Pod{}, nil, func(event watch.Event) (bool, error) {
		pod := event.Object.(*corev1.Pod)
		if event.Type == watch.Deleted || pod.Spec.NodeName == "" || seen[pod.Name] {
			return false, nil
		}
		seen[pod.Name] = true
		k.own = s.own[min(len(codes), len(s.own)-1)]
		output, code := k.run(t, pod)
		codes = append(codes, code)
		first, _, _ := strings.Cut(lastParagraph(output), "\n")
		fmt.Fprintf(&did, "pod %d, exit code %d: %s\n", len(codes), code, first)
		if id := gateOf.FindStringSubmatch(output); id != nil {
			gates[id[1]+" "+id[2]] = true
			require.Equal(t, "sync-"+string(job.UID), id[2])
		}
		t.Logf("pod %s, exit code %d:\n%s", pod.Name, code, output)
		return len(codes) == len(s.codes) || len(codes) == 8, nil
	})
	require.NoError(t, err, "pods so far: %v", codes)
	require.Equal(t, s.codes, codes)
	require.LessOrEqual(t, len(gates), 1, "one Job has one verdict")

	end := k.end(t, job)
	fmt.Fprintf(&did, "Job: %s, %s: %s\n", end.Type, end.Reason, end.Message)
	require.Equal(t, []string{s.end, s.reason}, []string{string(end.Type), end.Reason}, end.Message)
	// No pod comes behind the end.
	list, err := clients.CoreV1().Pods(job.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: selector})
	require.NoError(t, err)
	require.Len(t, list.Items, len(s.codes))
	return did.String()
}

// end waits until a Job is complete or has failed.
func (k *kubelet) end(t *testing.T, job *batchv1.Job) (end batchv1.JobCondition) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	source := cache.NewListWatchFromClient(k.cluster.Clientset().BatchV1().RESTClient(), "jobs", job.Namespace, fields.OneTermEqualSelector("metadata.name", job.Name))
	_, err := toolswatch.UntilWithSync(ctx, source, &batchv1.Job{}, nil, func(event watch.Event) (bool, error) {
		for _, c := range event.Object.(*batchv1.Job).Status.Conditions {
			if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
				end = c
				return true, nil
			}
		}
		return false, nil
	})
	require.NoError(t, err)
	return end
}

// lastParagraph is output without the progress of a gate.
func lastParagraph(output string) string {
	for {
		line, rest, more := strings.Cut(output, "\n")
		if !more || !strings.HasPrefix(line, "gate ") {
			return output
		}
		output = rest
	}
}

// listen starts a falcogate that asks the cluster who may ask, and that has heard a
// recording.
func listen(t *testing.T, c *controlplane.ControlPlane, recording string) heard {
	t.Helper()
	token, err := c.Token(t.Context(), "falcogate", "falcogate", controlplane.TokenOptions{})
	require.NoError(t, err)
	kubeconfig, err := c.KubeconfigFor(token)
	require.NoError(t, err)
	d := daemon.Start(t, "--auth", "kubernetes", "--kubeconfig", kubeconfig)
	span := d.Replay(t, recording)
	return heard{url: d.URL, since: span.Last.Add(-27 * time.Second).UTC(), until: span.Last.Add(-8 * time.Second).UTC()}
}

// environ is what stands in the cluster for the example's own: which falcogate is asked,
// and about when. All of a recording comes at once, so that the clock of its Falco seems to
// be behind by as much as it took.
func (h heard) environ() []string {
	return append(h.hook(), "FALCOGATE_SINCE="+h.since.Format(time.RFC3339Nano), "FALCOGATE_UNTIL="+h.until.Format(time.RFC3339Nano))
}

// hook is the same for a gate, whose window is in its arguments.
func (h heard) hook() []string {
	return []string{"FALCOGATE_SERVER=" + h.url, "FALCOGATE_SERVER_CA=", "FALCOGATE_CLOCK_SKEW=5m", "FALCOGATE_DEADLINE=5s"}
}

// nobody is a URL at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, errors.Join(err, l.Close()))
	return "http://" + l.Addr().String()
}
