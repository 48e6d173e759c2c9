package container

import (
	"archive/tar"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// The Dockerfile's image is as good, and docker compose has it answer about a recording.
func TestDockerfileAndCompose(t *testing.T) {
	root := clone(t)
	dockerfile, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	build(t, root, base(string(dockerfile)))
	commit := must(t, "git", "-C", root, "rev-parse", "HEAD")
	require.Contains(t, must(t, "podman", "run", "--rm", "docker.io/library/falcogate:local", "version"), " commit "+commit+" ")
	gives(t, "docker.io/library/falcogate:local")

	for _, profile := range []string{"replay", "falco"} {
		must(t, given["FALCOGATE_COMPOSE"], "--file", root+"/docker-compose.yaml", "--profile", profile, "config", "--quiet")
	}
	nats(t)
	compose := func(ctx context.Context, args ...string) (string, error) {
		return command(ctx, nil, given["FALCOGATE_COMPOSE"], append([]string{"--file", root + "/docker-compose.yaml", "--profile", "replay"}, args...)...)
	}
	t.Setenv("DOCKER_HOST", engine(t))
	checkHealth(t)
	t.Cleanup(func() {
		_, err := compose(context.WithoutCancel(t.Context()), "down", "--volumes", "--timeout=5")
		require.NoError(t, err)
	})
	out, err := compose(t.Context(), "run", "--rm", "-T", "check-replay")
	require.NoError(t, err)
	require.Contains(t, out, "PASS  namespace shadow-clean")
	require.Contains(t, out, "proven")
}

// clone is the tree as a user gets it: with its .git, and without what was built.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "falcogate")
	must(t, "git", "clone", "--quiet", "--depth=1", "file://"+daemon.Root(t), dir)
	return dir
}

// base is the name of the image that a Dockerfile builds in.
func base(dockerfile string) string {
	_, line, _ := strings.Cut(dockerfile, "FROM --platform=$BUILDPLATFORM ")
	name, _, _ := strings.Cut(line, " ")
	return name
}

// build builds the Dockerfile in a base of Debian, with this machine's Go and what Go has
// fetched and compiled already.
func build(t *testing.T, root, base string) {
	t.Helper()
	must(t, "podman", "import", "--quiet", "--change=ENV PATH=/usr/local/go/bin:/usr/bin:/bin", given["FALCOGATE_DEBIAN"], "docker.io/library/"+base)
	args := []string{"bud", "--isolation=chroot", "--pull-never", "--tag=docker.io/library/falcogate:local"}
	for at, inside := range map[string]string{"GOROOT": "/usr/local/go", "GOMODCACHE": "/root/go/pkg/mod", "GOCACHE": "/root/.cache/go-build"} {
		args = append(args, "--volume="+must(t, "go", "env", at)+":"+inside)
	}
	must(t, "buildah", append(args, root)...)
}

// nats makes what stands in for the image of NATS: its server, and a wget for its health check.
func nats(t *testing.T) {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	busybox, err := exec.LookPath("busybox")
	require.NoError(t, err)
	for name, file := range map[string]string{"nats-server": given["FALCOGATE_NATS_SERVER"], "bin/wget": busybox} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}))
		_, err = w.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	_, err = command(t.Context(), archive.Bytes(), "podman", "import", "--quiet", `--change=ENTRYPOINT ["/nats-server"]`,
		"--change=ENV PATH=/bin", "-", "docker.io/library/nats:2.15-alpine")
	require.NoError(t, err)
}

// engine serves Docker's API by podman, and returns its address.
func engine(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	var problems bytes.Buffer
	service := exec.Command("podman", "system", "service", "--time=0", "unix://"+socket)
	service.Stderr = &problems
	require.NoError(t, service.Start())
	t.Cleanup(func() {
		require.NoError(t, service.Process.Signal(os.Interrupt))
		_ = service.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, tick)
	return "unix://" + socket
}

// checkHealth runs the health checks of all containers, as systemd's timers do for podman.
func checkHealth(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ticker := time.NewTicker(time.Second); ; {
			ids, _ := command(ctx, nil, "podman", "ps", "--quiet")
			for _, id := range strings.Fields(ids) {
				_, _ = command(ctx, nil, "podman", "healthcheck", "run", id) // what fails shows as unhealthy
			}
			select {
			case <-ctx.Done():
				ticker.Stop()
				return
			case <-ticker.C:
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}
