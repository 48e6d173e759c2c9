package install

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

const (
	chart     = "../../charts/falcogate"
	release   = "falcogate"
	namespace = "falcogate"
)

// helm is the program under test that is given; falcogate is built from this tree.
var helm string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if helm = os.Getenv("FALCOGATE_HELM"); helm == "" {
		fmt.Fprintln(os.Stderr, "FALCOGATE_HELM is empty, want the path of a helm: run make test-install")
		return 1
	}
	return daemon.Main(m)
}

// command runs a program and returns what it printed, and why it failed.
func command(program string, args ...string) (string, error) {
	var out, problems bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	cmd.Env = append(daemon.Environ(), "KUBECONFIG=")
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s%s", err, out.String(), problems.String())
	}
	return out.String(), nil
}

// valuesFiles are the matrix of values that is rendered.
func valuesFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(chart + "/ci/*-values.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}
