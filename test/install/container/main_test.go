package container

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

const (
	patience = time.Minute
	tick     = 200 * time.Millisecond
)

// given are the programs and files that make test-install builds.
var given = map[string]string{
	"FALCOGATE_IMAGE":       "the OCI layout of make image",
	"FALCOGATE_COMPOSE":     "docker compose, as a program",
	"FALCOGATE_NATS_SERVER": "nats-server, statically linked",
	"FALCOGATE_DEBIAN":      "a tar of Debian with git",
}

func TestMain(m *testing.M) { os.Exit(daemon.Main(within{m})) }

// within are tests that have containers of their own.
type within struct{ *testing.M }

// Run runs them, and returns the exit code.
func (w within) Run() int {
	for name, what := range given {
		given[name] = os.Getenv(name)
		if given[name] == "" {
			fmt.Fprintf(os.Stderr, "%s is empty, want the path of %s: run make test-install\n", name, what)
			return 1
		}
	}
	for _, program := range []string{"podman", "buildah", "runc", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Fprintf(os.Stderr, "%v: install Debian's podman buildah runc netavark aardvark-dns busybox-static\n", err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "falcogate-containers-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := configure(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := w.M.Run()
	if out, err := exec.Command("podman", "rm", "--all", "--force", "--time=0").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		code = 1
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// configure keeps podman's images and containers apart from this machine's. It runs where
// there is no systemd, within a container too: hence runc, cgroupfs, no overlay and modest
// limits.
func configure(dir string) error {
	for name, text := range map[string]string{
		"containers.conf": `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "netavark"
`,
		"storage.conf": fmt.Sprintf("[storage]\ndriver = \"vfs\"\nrunroot = %q\ngraphroot = %q\n",
			filepath.Join(dir, "run"), filepath.Join(dir, "graph")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := os.Setenv("CONTAINERS_CONF", filepath.Join(dir, "containers.conf")); err != nil {
		return err
	}
	return os.Setenv("CONTAINERS_STORAGE_CONF", filepath.Join(dir, "storage.conf"))
}

// command runs a program and returns what it wrote to stdout, and why it failed.
func command(ctx context.Context, input []byte, program string, args ...string) (string, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = daemon.Environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s%s", program, strings.Join(args, " "), err, out.String(), problems.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// must is command, which must succeed.
func must(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := command(t.Context(), nil, program, args...)
	require.NoError(t, err)
	return out
}
