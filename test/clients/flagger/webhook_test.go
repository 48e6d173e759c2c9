package flagger

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/controller"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// underWay is a canary that is being rolled out, at a revision.
func underWay(name, namespace, revision string) *flaggerv1.Canary {
	return &flaggerv1.Canary{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Status:     flaggerv1.CanaryStatus{Phase: flaggerv1.CanaryPhaseProgressing, LastAppliedSpec: revision},
	}
}

// webhook is one of falcogate's, with metadata as name and value in turn.
func webhook(d *daemon.Daemon, hook string, metadata ...string) flaggerv1.CanaryWebhook {
	all := map[string]string{}
	for i := 0; i < len(metadata); i += 2 {
		all[metadata[i]] = metadata[i+1]
	}
	return flaggerv1.CanaryWebhook{Name: "falco", URL: d.URL + "/v1/flagger/" + hook, Metadata: &all}
}

// call has Flagger call a webhook.
func call(c *flaggerv1.Canary, w flaggerv1.CanaryWebhook) error {
	return controller.CallWebhook(*c, c.Status.Phase, w)
}

// Flagger goes on after a pass and after nothing else, and rolls back after a fail and
// after nothing else.
func TestVerdicts(t *testing.T) {
	d := daemon.Start(t)
	d.Play(t, "clean/http.jsonl.gz") // shadow-clean keeps quiet, and shop does not
	d.Seen(t, "shop")
	t.Run("pass", func(t *testing.T) {
		c := underWay("web", "shadow-clean", "1")
		require.NoError(t, controller.CallEventWebhook(c, webhook(d, "event"), "New revision detected!", "Normal"))
		require.NoError(t, call(c, webhook(d, "gate")))
		require.ErrorContains(t, call(c, webhook(d, "rollback")), "no reason to roll back: ")
	})
	t.Run("pass at the second try", func(t *testing.T) {
		// The first is a 503, as the window has only begun. Flagger waits for Retry-After.
		w := webhook(d, "gate")
		w.Retries = 2
		begun := time.Now()
		require.NoError(t, call(underWay("again", "shadow-clean", "1"), w))
		require.GreaterOrEqual(t, time.Since(begun), 5*time.Second)
	})
	t.Run("fail", func(t *testing.T) {
		c := underWay("web", "shop", "1")
		require.ErrorContains(t, call(c, webhook(d, "gate", "since", "5m", "severity", "notice")), "fail: ")
		require.NoError(t, call(c, webhook(d, "rollback", "severity", "notice")))
		require.ErrorContains(t, call(c, webhook(d, "gate", "severity", "notice")), "fail: ", "when the revision began is known by now")
	})
}

// Nothing passes that is not proven, and nothing rolls back.
func TestInconclusive(t *testing.T) {
	d := daemon.Start(t)
	d.Replay(t, "clean/http.jsonl.gz")
	c := underWay("web", "shadow-clean", "1")
	require.ErrorContains(t, call(c, webhook(d, "gate", "since", "1h", "wait", "0")), "giving up after 1 attempt", "503")
	require.ErrorContains(t, call(c, webhook(d, "gate", "wait", "0", "on_inconclusive", "fail")), "inconclusive: ")
	require.ErrorContains(t, call(c, webhook(d, "rollback")), "no reason to roll back: inconclusive: ")

	t.Run("time-out", func(t *testing.T) {
		pending := underWay("pending", "shadow-clean", "1")
		gate := webhook(d, "gate", "since", "1s")
		gate.Timeout = "1s"
		require.ErrorContains(t, call(pending, gate), "Client.Timeout exceeded")
	})
	t.Run("what Flagger shows of a mistake", func(t *testing.T) {
		for metadata, want := range map[[2]string]string{
			{"severity", "WARN"}:   "severity: ",
			{"sevirity", "error"}:  "sevirity: unknown parameter: want ",
			{"namespace", "Shop"}:  `namespace: "Shop" can be no namespace`,
			{"since", "yesterday"}: "since: ",
		} {
			for _, hook := range []string{"gate", "rollback"} {
				require.ErrorContains(t, call(c, webhook(d, hook, metadata[0], metadata[1])), want)
			}
		}
	})
	t.Run("server down", func(t *testing.T) {
		d.Stop(t)
		for _, hook := range []string{"gate", "rollback"} {
			require.ErrorContains(t, call(c, webhook(d, hook)), "connection refused")
		}
	})
}

// What falcogate has heard of a rollout it knows after it was killed.
func TestStartSurvives(t *testing.T) {
	data := filepath.Join(t.TempDir(), "kept")
	d := daemon.Start(t, "--data-dir", data)
	c := underWay("web", "shop", "1")
	require.NoError(t, controller.CallEventWebhook(c, webhook(d, "event"), "New revision detected!", "Normal"))
	d.Kill(t)
	d = daemon.Start(t, "--data-dir", data)
	d.Play(t, "clean/http.jsonl.gz")
	d.Seen(t, "shop")
	require.ErrorContains(t, call(c, webhook(d, "gate", "severity", "debug")), "fail: ", "it began before the alert")
}

// Flagger sends no header: the token comes with the metadata.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "callers.yaml")
	require.NoError(t, os.WriteFile(file, []byte("callers:\n- {name: flagger, token: flagger-of-the-shop-0123, namespaces: [shop], verbs: [create]}\n"), 0o600))
	d := daemon.Start(t, "--auth", "token", "--auth-file", file)
	c := underWay("web", "shop", "1")
	gate := func(namespace, token string) error {
		c.Namespace = namespace
		return call(c, webhook(d, "gate", "since", "1m", "wait", "0", "evidence", "none", "token", token))
	}
	require.NoError(t, gate("shop", "flagger-of-the-shop-0123"))
	require.ErrorContains(t, gate("cart", "flagger-of-the-shop-0123"), "may not create verdicts in namespace cart")
	require.ErrorContains(t, gate("shop", "flagger-of-another-0123"), "token")
	require.ErrorContains(t, call(c, webhook(d, "rollback", "since", "1m")), "want a bearer token")
}
