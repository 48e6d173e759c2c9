package container

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// confined are the flags of a container that may do nothing but run.
var confined = []string{"--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"}

// What make image builds gives a verdict where it may do nothing but run.
func TestImage(t *testing.T) {
	image := must(t, "podman", "pull", "--quiet", "oci:"+given["FALCOGATE_IMAGE"])
	gives(t, image)
}

// The image is there for both architectures, and each has its SBOM.
func TestImageIndex(t *testing.T) {
	var index struct {
		Manifests []struct {
			Digest   string
			Platform struct{ OS, Architecture string }
		}
	}
	layout := given["FALCOGATE_IMAGE"]
	decode(t, filepath.Join(layout, "index.json"), &index)
	require.Len(t, index.Manifests, 1)
	decode(t, filepath.Join(layout, "blobs", "sha256", index.Manifests[0].Digest[len("sha256:"):]), &index)
	var platforms []string
	for _, m := range index.Manifests {
		platforms = append(platforms, m.Platform.OS+"/"+m.Platform.Architecture)
	}
	require.ElementsMatch(t, []string{"linux/amd64", "linux/arm64"}, platforms)
	sboms, err := filepath.Glob(layout + ".sbom/*.spdx.json")
	require.NoError(t, err)
	require.NotEmpty(t, sboms)
	for _, file := range sboms {
		var sbom struct{ SPDXVersion string }
		decode(t, file, &sbom)
		require.NotEmpty(t, sbom.SPDXVersion, file)
	}
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into), file)
}

// gives runs an image with a volume as its only folder to write to, plays a recording to it,
// and asks for verdicts.
func gives(t *testing.T, image string) {
	t.Helper()
	require.Equal(t, "65532:65532", must(t, "podman", "image", "inspect", "--format={{.Config.User}}", image))
	args := append([]string{"run", "--detach", "--volume=/data", "--publish=127.0.0.1::8080", "--publish=127.0.0.1::2801"}, confined...)
	id := must(t, "podman", append(args, image, "serve", "--listen=:8080", "--auth=none", "--auth-none-anywhere",
		"--ingest-listen=:2801", "--ingest-open")...)
	t.Cleanup(func() {
		_, err := command(context.WithoutCancel(t.Context()), nil, "podman", "rm", "--force", "--time=10", "--volumes", id)
		require.NoError(t, err)
	})
	server := "--server=http://" + must(t, "podman", "port", id, "8080")
	require.Eventually(t, func() bool {
		_, err := command(t.Context(), nil, daemon.Program(), "sensors", server)
		return err == nil
	}, patience, tick)

	must(t, daemon.Program(), "replay", daemon.Recording(t, "clean/http.jsonl.gz"), "--http=http://"+must(t, "podman", "port", id, "2801")+"/",
		"--rebase", "--as-fast-as-possible")
	var out string
	require.Eventually(t, func() (ok bool) {
		var err error
		out, err = command(t.Context(), nil, daemon.Program(), "check", server, "--namespace=shadow-clean", "--since=27s", "--until=15s", "--output=json")
		return err == nil
	}, patience, tick)
	require.Contains(t, out, `"proven"`)
	_, err := command(t.Context(), nil, daemon.Program(), "check", server, "--namespace=shop", "--since=60s")
	require.ErrorContains(t, err, "exit status 1\nFAIL  namespace shop")

	for _, shell := range []string{"/bin/sh", "sh", "/busybox/sh"} {
		_, err := command(t.Context(), nil, "podman", "exec", id, shell, "-c", "true")
		require.ErrorContains(t, err, "unable to start container process", "a shell")
	}
}
