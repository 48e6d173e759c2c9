package daemon

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program is the falcogate that Main has built.
var program string

// Main builds falcogate, runs the tests, which are a *testing.M or wrap one, and returns
// the exit code of both.
func Main(m interface{ Run() int }) int {
	dir, err := os.MkdirTemp("", "falcogate-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if program, err = Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Build builds falcogate into a folder, from the tree that the caller runs in, and returns
// its path.
func Build(dir string) (path string, err error) {
	path = filepath.Join(dir, "falcogate")
	build := exec.Command("go", "build", "-o", path, "./cmd/falcogate")
	if build.Dir, err = root(); err != nil {
		return "", err
	}
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building falcogate: %w\n%s", err, out)
	}
	return path, nil
}

// Program is the path of falcogate.
func Program() string { return program }

// Environ is this process's environment without what falcogate would take for its own
// configuration.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FALCOGATE_") })
}

// Root is the folder that has falcogate's go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module github.com/falcogate/falcogate\n")) {
			return at, nil
		}
	}
	return "", fmt.Errorf("no folder above %s has the go.mod of falcogate", dir)
}
