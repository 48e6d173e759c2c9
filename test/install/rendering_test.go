package install

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// object is what a test looks at in a rendered object.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string]string
	Spec     struct {
		podSpec  `yaml:",inline"`
		Template struct{ Spec podSpec }
	}
}

type podSpec struct {
	InitContainers  []container `yaml:"initContainers"`
	Containers      []container
	Volumes         []struct{ Name string }
	SecurityContext struct {
		RunAsNonRoot   bool `yaml:"runAsNonRoot"`
		SeccompProfile struct{ Type string }
	} `yaml:"securityContext"`
}

type container struct {
	Name            string
	Args            []string
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
	Resources    struct{ Requests, Limits map[string]string }
	VolumeMounts []struct {
		Name     string
		ReadOnly bool `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

// render is helm template.
func render(t *testing.T, args ...string) []object {
	t.Helper()
	out, err := command(helm, append([]string{"template", release, chart, "--namespace", namespace}, args...)...)
	require.NoError(t, err)
	var objects []object
	decoder := yaml.NewDecoder(strings.NewReader(out)) // refuses a key that is there twice
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return objects
		}
		require.NoError(t, err, out)
		if o.Kind != "" {
			objects = append(objects, o)
		}
	}
}

// pods are the pods that an object makes.
func (o *object) pods() []podSpec {
	switch o.Kind {
	case "Pod":
		return []podSpec{o.Spec.podSpec}
	case "Deployment", "StatefulSet", "DaemonSet":
		return []podSpec{o.Spec.Template.Spec}
	default:
		return nil
	}
}

// Each rendering of the matrix is one that helm, the program and a node would take.
func TestRenderings(t *testing.T) {
	for _, values := range append(valuesFiles(t), chart+"/values.yaml") {
		t.Run(filepath.Base(values), func(t *testing.T) {
			_, err := command(helm, "lint", "--strict", chart, "--values", values)
			require.NoError(t, err)
			configs, pods := 0, 0
			for _, o := range render(t, "--values", values) {
				if o.Kind == "ConfigMap" {
					for name, text := range o.Data {
						if filepath.Ext(name) == ".yaml" {
							configs++
							checkConfig(t, text)
						}
					}
				}
				for _, pod := range o.pods() {
					pods++
					checkPod(t, &pod, o.Kind == "DaemonSet")
				}
			}
			require.Positive(t, configs)
			require.GreaterOrEqual(t, pods, 2, "falcogate's, and that of helm test")
		})
	}
}

// checkConfig has falcogate read a configuration.
func checkConfig(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "falcogate.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	_, err := command(daemon.Program(), "serve", "--config", file, "--print-config")
	require.NoError(t, err, text)
}

// checkPod holds a pod against Pod Security "restricted" as far as the chart sets it. The
// reader of a node's socket runs as its owner, root.
func checkPod(t *testing.T, pod *podSpec, reader bool) {
	t.Helper()
	require.Equal(t, !reader, pod.SecurityContext.RunAsNonRoot)
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		require.False(t, volumes[v.Name], "volume %s is there twice", v.Name)
		volumes[v.Name] = true
	}
	volumes["data"] = true // a claim's, of the StatefulSet
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		s := c.SecurityContext
		require.Equal(t, false, *s.AllowPrivilegeEscalation, c.Name)
		require.True(t, s.ReadOnlyRootFilesystem, c.Name)
		require.Equal(t, []string{"ALL"}, s.Capabilities.Drop, c.Name)
		require.Contains(t, c.Resources.Requests, "cpu", c.Name)
		require.Contains(t, c.Resources.Requests, "memory", c.Name)
		require.Contains(t, c.Resources.Limits, "memory", c.Name)
		for _, m := range c.VolumeMounts {
			require.True(t, volumes[m.Name], "%s mounts %s, which the pod does not have", c.Name, m.Name)
			require.Equal(t, m.Name != "data", m.ReadOnly, m.Name)
		}
	}
}
