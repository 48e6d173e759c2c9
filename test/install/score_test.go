package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// excused are findings of kube-score that are meant to be so, by a part of their line.
var excused = map[string]string{
	"ImagePullPolicy is not set to Always":                            "a release's tag never moves, and a digest can't; nodes start without the registry",
	"CPU limit is not set":                                            "a throttled gate answers late, and what is late is inconclusive",
	"Ephemeral Storage":                                               "the root is read-only and there is no emptyDir: nothing can be written but to the volume",
	"StatefulSet does not have a valid serviceName":                   "its one pod is reached by the Service of the API, not by a name of its own",
	"v1/Pod: The pod does not have a matching NetworkPolicy":          "the pod of helm test is a caller, which lives for a minute",
	"StatefulSet: The pod does not have a matching NetworkPolicy":     "token-values.yaml switches it off",
	"DaemonSet: (reader) The container is running with a low user ID": "Falco's socket is root's",
	"DaemonSet: (reader) The container running with a low group ID":   "Falco's socket is root's",
	"Deployment: Deployment does not have a host podAntiAffinity set": "topologySpreadConstraints spread it",
}

// kube-score has nothing against any of the matrix but what is meant to be so.
func TestScore(t *testing.T) {
	score := os.Getenv("FALCOGATE_KUBE_SCORE")
	require.NotEmpty(t, score, "FALCOGATE_KUBE_SCORE is empty, want the path of kube-score: run make test-install")
	used := map[string]bool{}
	for _, values := range valuesFiles(t) {
		rendered, err := command(helm, "template", release, chart, "--namespace", namespace, "--values", values)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "rendered.yaml")
		require.NoError(t, os.WriteFile(file, []byte(rendered), 0o600))
		// It exits with 1 when it has findings, which are judged here.
		out, _ := command(score, "score", "--output-format=ci", file)
		require.Contains(t, out, "[OK]", "%s: kube-score has looked at nothing", values)
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "[CRITICAL]") || strings.HasPrefix(line, "[WARNING]") {
				require.True(t, excuse(line, used), "%s: %s", filepath.Base(values), line)
			}
		}
	}
	for part := range excused {
		require.True(t, used[part], "nothing is found any more that says %q", part)
	}
}

// excuse reports whether a finding is meant to be so, and notes which reason was used.
func excuse(line string, used map[string]bool) bool {
	for part := range excused {
		if strings.Contains(line, part) {
			used[part] = true
			return true
		}
	}
	return false
}
