package session

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

var rewrite = flag.Bool("rewrite", false, "write the session into docs/kubernetes.md instead of comparing it")

const namespace = "shadow-checkout"

// transcript is the session as the document has it.
type transcript struct {
	t      *testing.T
	daemon *daemon
	text   strings.Builder
}

// step asks a gate since a time until its answer has an exit code, and writes down the
// last answer.
func (s *transcript) step(what string, code int, token string, since time.Time, further ...string) string {
	s.t.Helper()
	args := append([]string{"check", "-n", namespace, "--since", since.UTC().Format(time.RFC3339Nano), "--token-file", token}, further...)
	got, out := s.daemon.ask(s.t, args...)
	require.Equal(s.t, code, got, "%s\n%s", what, out)
	if s.text.Len() > 0 {
		s.text.WriteString("\n")
	}
	shown := append([]string{"falcogate", "check", "-n", namespace, "--since", "T", "--token-file", filepath.Base(token)}, further...)
	fmt.Fprintf(&s.text, "# %s\n$ %s\n%s$ echo $?\n%d\n", what, strings.Join(shown, " "), s.settled(out), code)
	return out
}

// volatile is what another run has otherwise.
var volatile = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|)`), "TIME"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d(\.\d+)?`), "TIME"},
	{regexp.MustCompile(`\(\d+m?\d*\.?\d*m?s\)`), "(DURATION)"},
	{regexp.MustCompile(`the last one \S+ before`), "the last one DURATION before"},
	{regexp.MustCompile(`log position \d+`), "log position N"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "ID"},
	{regexp.MustCompile(`127\.\d+\.\d+\.\d+:\d+`), "127.0.0.1:8080"},
	{regexp.MustCompile(`every \d+(\.\d+)?m?s`), "every 500ms"},
	{regexp.MustCompile(` +\n`), "\n"},
}

func (s *transcript) settled(out string) string {
	for _, v := range volatile {
		out = v.find.ReplaceAllString(out, v.put)
	}
	return out
}

// grant lets a service account ask in a namespace, and returns the file of its token.
func grant(t *testing.T, account string, verbs ...string) string {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, cluster.ServiceAccount(ctx, namespace, account))
	if len(verbs) > 0 {
		rbac := cluster.Clientset().RbacV1()
		_, err := rbac.Roles(namespace).Create(ctx, &rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Name: account},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"falcogate.dev"}, Resources: []string{"verdicts"}, Verbs: verbs}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = rbac.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: account},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	token, err := cluster.Token(ctx, namespace, account, controlplane.TokenOptions{Audiences: []string{"falcogate"}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), account+".token")
	require.NoError(t, os.WriteFile(file, []byte(token), 0o600))
	return file
}

func TestSession(t *testing.T) {
	ctx := t.Context()
	for _, ns := range []string{namespace, "shop"} {
		require.NoError(t, cluster.Namespace(ctx, ns))
	}
	pipeline, stranger := grant(t, "pipeline", "get"), grant(t, "stranger")
	var containers []string
	for i, ns := range []string{namespace, namespace, "shop"} {
		node, err := cluster.JoinNode(ctx, fmt.Sprintf("node-%d", i+1), nil)
		require.NoError(t, err)
		pod, err := node.CreateRunning(ctx, controlplane.Pod(ns, fmt.Sprintf("checkout-%d", i+1)))
		require.NoError(t, err)
		containers = append(containers, containerOf(pod))
	}
	d := serve(t, "--kubernetes", "--kubeconfig", cluster.Kubeconfig(), "--auth", "kubernetes")
	falcos := make([]*falco, 3)
	for i := range falcos {
		falcos[i] = &falco{hostname: fmt.Sprintf("node-%d", i+1), url: "http://" + d.ingest}
		falcos[i].start(t)
	}
	s := &transcript{t: t, daemon: d}

	// A gate begins once proof does: the Falcos' intervals are learned, and the pods
	// listed.
	since := d.provenSince(t, pipeline)
	out := s.step("Two of three nodes run the shadow's pods. It kept quiet, and these two prove it.", 0, pipeline, since)
	require.Contains(t, out, "node-1, node-2")
	require.NotContains(t, out, "node-3")

	falcos[2].stop()
	d.provenSince(t, pipeline) // takes longer than a Falco may be silent
	s.step("The third node's Falco falls silent: the gate does not need it.", 0, pipeline, since)

	falcos[1].stop()
	d.silentSince(t, pipeline, since)
	out = s.step("The second one's falls silent too: nothing is proven any more.", 2, pipeline, since, "--wait", "20s")
	require.Contains(t, out, "silent")
	require.Contains(t, out, "node-2")

	require.NoError(t, falcos[0].shell(ctx, containers[0]))
	out = s.step("An alert comes that names no namespace, but a container: one is enough to fail.", 1, pipeline, since)
	require.Contains(t, out, "checkout-1")

	out = s.step("Who was not given the right to ask learns nothing.", 2, stranger, since)
	require.NotContains(t, out, "node-")
	s.document()
}

func containerOf(pod *corev1.Pod) string {
	_, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	return id[:12]
}

// provenSince asks until a gate over a moment passes, and returns that moment.
func (d *daemon) provenSince(t *testing.T, token string) time.Time {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		since := time.Now()
		code, out := d.ask(t, "check", "-n", namespace, "--since", since.UTC().Format(time.RFC3339Nano), "--wait", "20s", "--token-file", token)
		if code == 0 {
			return since
		}
		require.True(t, time.Now().Before(deadline), "no proof in time: %s", out)
	}
}

// silentSince asks until the answer says that a sensor is silent.
func (d *daemon) silentSince(t *testing.T, token string, since time.Time) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		_, out := d.ask(t, "check", "-n", namespace, "--since", since.UTC().Format(time.RFC3339Nano), "--wait", "1s", "--token-file", token)
		if strings.Contains(out, "silent") {
			return
		}
		require.True(t, time.Now().Before(deadline), "not silent in time: %s", out)
	}
}

// document holds docs/kubernetes.md to the session.
func (s *transcript) document() {
	const begin, end = "<!-- session: begin -->\n```console\n", "```\n<!-- session: end -->\n"
	path := filepath.Join("..", "..", "..", "docs", "kubernetes.md")
	data, err := os.ReadFile(path)
	require.NoError(s.t, err)
	before, rest, ok := strings.Cut(string(data), begin)
	require.True(s.t, ok, "docs/kubernetes.md has no session")
	has, after, ok := strings.Cut(rest, end)
	require.True(s.t, ok, "the session of docs/kubernetes.md does not end")
	if *rewrite {
		require.NoError(s.t, os.WriteFile(path, []byte(before+begin+s.text.String()+end+after), 0o644))
		return
	}
	require.Equal(s.t, has, s.text.String(), "run the test with -rewrite, and read the difference")
}
