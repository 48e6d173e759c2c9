package jobs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// kubelet runs the one container of a pod as a process, with what the pod's spec gives it:
// its arguments, its environment and its token. What falcogate's addresses and files are
// on this machine stands in own.
type kubelet struct {
	cluster *controlplane.ControlPlane
	node    *controlplane.Kubelet
	own     []string
}

var variable = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)`)

// run runs a pod to its end and reports that, and returns what the process wrote and its
// exit code.
func (k *kubelet) run(t *testing.T, pod *corev1.Pod) (output string, code int) {
	t.Helper()
	ctx := t.Context()
	container := pod.Spec.Containers[0]
	values := map[string]string{}
	environ := daemon.Environ()
	for _, v := range container.Env {
		values[v.Name] = v.Value
		if v.ValueFrom != nil {
			values[v.Name] = field(t, pod, v.ValueFrom.FieldRef.FieldPath)
		}
		environ = append(environ, v.Name+"="+values[v.Name])
	}
	args := make([]string, len(container.Args))
	for i, arg := range container.Args {
		args[i] = variable.ReplaceAllStringFunc(arg, func(v string) string {
			value, found := values[v[2:len(v)-1]]
			require.True(t, found, "%s of %s", v, arg)
			return value
		})
	}
	running, err := k.node.Run(ctx, pod)
	require.NoError(t, err)
	environ = append(environ, k.own...)
	environ = append(environ, "TZ=UTC", "FALCOGATE_TOKEN_FILE="+k.token(t, running))
	cmd := exec.CommandContext(ctx, daemon.Program(), args...)
	cmd.Dir, cmd.Env = t.TempDir(), environ
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	code = cmd.ProcessState.ExitCode()
	_, err = k.node.Exit(ctx, running, int32(code))
	require.NoError(t, err)
	return string(out), code
}

// token is a file with what the pod's projected volume holds.
func (k *kubelet) token(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	at := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Projected != nil })
	require.GreaterOrEqual(t, at, 0)
	source := pod.Spec.Volumes[at].Projected.Sources[0].ServiceAccountToken
	require.NotNil(t, source)
	mount := slices.IndexFunc(pod.Spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == pod.Spec.Volumes[at].Name })
	require.GreaterOrEqual(t, mount, 0)
	require.Equal(t, "/var/run/secrets/falcogate.dev/serviceaccount/token",
		filepath.Join(pod.Spec.Containers[0].VolumeMounts[mount].MountPath, source.Path), "where falcogate finds it by itself")
	token, err := k.cluster.Token(t.Context(), pod.Namespace, pod.Spec.ServiceAccountName, controlplane.TokenOptions{
		Audiences: []string{source.Audience}, Pod: pod,
	})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(token), 0o600))
	return file
}

// field is what a fieldRef stands for: the examples use labels alone.
func field(t *testing.T, pod *corev1.Pod, path string) string {
	t.Helper()
	label, found := strings.CutPrefix(path, "metadata.labels['")
	require.True(t, found, path)
	value, found := pod.Labels[strings.TrimSuffix(label, "']")]
	require.True(t, found, "the pod has no label for %s: %v", path, pod.Labels)
	return value
}
