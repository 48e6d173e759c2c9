package pipelines

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// asked is a question with the answer that it must get.
type asked struct {
	name, namespace string
	server          string // URL
	since, until    string
	verdict, reason string
	alerts          string
	code            int
}

// questions are one for each verdict, and one to a server that is away. The recordings
// have been played when this returns.
func questions(t *testing.T) []asked {
	t.Helper()
	whole := daemon.Start(t)
	span := whole.Replay(t, "clean/http.jsonl.gz") // shadow-clean keeps quiet, and shop does not
	lossy := daemon.Start(t)
	lost := lossy.Replay(t, "http-down/http.jsonl.gz") // its receiver was away for some alerts
	// The window lies between two heartbeats that have come: the answer does not depend
	// on how long the test takes.
	at := func(s daemon.Span, before time.Duration) string {
		return s.Last.Add(-before).UTC().Format(time.RFC3339Nano)
	}
	of := func(a asked, d string, s daemon.Span) asked {
		a.name, a.server, a.since, a.until = a.verdict, d, at(s, 27*time.Second), at(s, 8*time.Second)
		return a
	}
	away := of(asked{namespace: "shadow-clean", verdict: "inconclusive", reason: "unanswered", alerts: "0", code: 2}, nobody(t), span)
	away.name = "away"
	return []asked{
		of(asked{namespace: "shadow-clean", verdict: "pass", reason: "proven", alerts: "0"}, whole.URL, span),
		of(asked{namespace: "shop", verdict: "fail", reason: "alerts", alerts: "4", code: 1}, whole.URL, span),
		of(asked{namespace: "shadow-clean", verdict: "inconclusive", reason: "alerts_missing", alerts: "0", code: 2}, lossy.URL, lost),
		away,
	}
}

// nobody is a URL at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return "http://" + l.Addr().String()
}

// environ is the environment of whoever asks, with a falcogate in its PATH: what an
// example leaves to its surroundings, and the end of the window, so that it need not wait
// for a Falco to live on. All of a recording comes at once, so that the clock of its Falco
// seems to be behind by as much as it took.
func (a asked) environ(more ...string) []string {
	own := slices.DeleteFunc(daemon.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GITHUB_") || strings.HasPrefix(v, "CI")
	})
	own = append(own, "PATH="+filepath.Dir(daemon.Program())+":"+os.Getenv("PATH"), "TZ=UTC", "FALCOGATE_UNTIL="+a.until, "FALCOGATE_CLOCK_SKEW=5m")
	return append(own, more...)
}

// run runs a program, and returns all that it wrote and its exit code.
func run(t *testing.T, dir string, environ []string, program string, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, environ
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// example is the text of one.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(daemon.Root(t), "docs", "examples", filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}
