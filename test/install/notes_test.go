package install

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// What helm prints at the end are Falco values that rule no proof out, for each way in.
func TestNotes(t *testing.T) {
	indented := regexp.MustCompile(`(?m)^     (.*)$`)
	for _, values := range valuesFiles(t) {
		t.Run(filepath.Base(values), func(t *testing.T) {
			out, err := command(helm, "install", release, chart, "--namespace", namespace, "--dry-run=client", "--values", values)
			require.NoError(t, err)
			_, notes, found := strings.Cut(out, "\nNOTES:\n")
			require.True(t, found, out)
			_, block, found := strings.Cut(notes, "\n     falco:\n")
			require.True(t, found, notes)
			block, _, found = strings.Cut(block, "\n\n")
			require.True(t, found, notes)
			file := filepath.Join(t.TempDir(), "falco-values.yaml")
			require.NoError(t, os.WriteFile(file, []byte("falco:\n"+indented.ReplaceAllString(block, "$1")+"\n"), 0o600))
			_, err = command(daemon.Program(), "doctor", "--falco-config", file)
			require.NoError(t, err, notes)
		})
	}
}
