package install

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	chart     = "../../charts/falcogate"
	release   = "falcogate"
	namespace = "falcogate"
)

// Programs under test: helm is given, and falcogate is built from this tree.
var helm, falcogate string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if helm = os.Getenv("FALCOGATE_HELM"); helm == "" {
		fmt.Fprintln(os.Stderr, "FALCOGATE_HELM is empty, want the path of a helm: run make test-install")
		return 1
	}
	dir, err := os.MkdirTemp("", "falcogate-install-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	falcogate = filepath.Join(dir, "falcogate")
	build := exec.Command("go", "build", "-o", falcogate, "./cmd/falcogate")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building falcogate: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// command runs a program and returns what it printed, and why it failed.
func command(program string, args ...string) (string, error) {
	var out, problems bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FALCOGATE_") && !strings.HasPrefix(v, "KUBECONFIG=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
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
