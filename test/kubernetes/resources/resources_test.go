package resources

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

const examples = "../../../docs/examples"

// custom are the examples that this package has the API server take: the resource that each
// is posted to, and a typo that must be refused.
var custom = map[string]struct{ path, right, wrong string }{
	"flagger/canary.yaml":                       {"flagger.app/v1beta1/namespaces/shop/canaries", "iterations:", "iteration:"},
	"argo-rollouts/rollout.yaml":                {"argoproj.io/v1alpha1/namespaces/shop/rollouts", "setWeight:", "setweight:"},
	"argo-rollouts/analysistemplate.yaml":       {"argoproj.io/v1alpha1/namespaces/shop/analysistemplates", "inconclusiveLimit:", "inconclusivelimit:"},
	"argo-rollouts/analysistemplate-token.yaml": {"argoproj.io/v1alpha1/namespaces/shop/analysistemplates", "secretKeyRef:", "secretRef:"},
	"argo-rollouts/analysistemplate-job.yaml":   {"argoproj.io/v1alpha1/namespaces/shop/analysistemplates", "backoffLimit:", "backOffLimit:"},
	"kargo/analysistemplate.yaml":               {"argoproj.io/v1alpha1/namespaces/checkout/analysistemplates", "failureCondition:", "failCondition:"},
}

// elsewhere are the other examples, and the package below test that runs or checks each.
var elsewhere = map[string]string{
	"kargo/stage.yaml":            "clients/argorollouts", // its definition can't be had
	"aegis/check_falco_alerts.py": "clients/aegis",
	"gitlab/.gitlab-ci.yml":       "clients/pipelines",
	"github/workflow.yml":         "clients/pipelines",
	"tekton/task.yaml":            "clients/pipelines",
	"tekton/taskrun.yaml":         "clients/pipelines",
	"kubernetes/job.yaml":         "kubernetes/jobs",
	"argocd/postsync.yaml":        "kubernetes/jobs",
	"gate-job.yaml":               "kubernetes/session",
	"verdicts.sh":                 "demo",
	"await-verdict.sh":            "demo",
}

// definitions are where the systems' own modules have them, by the module here that runs the
// same version.
var definitions = []struct{ ours, module, files string }{
	{"flagger", "github.com/fluxcd/flagger", "artifacts/flagger/crd.yaml"},
	{"argorollouts", "github.com/argoproj/argo-rollouts", "manifests/crds/*-crd.yaml"},
}

// No example is forgotten, and whoever is said to run one names it.
func TestEveryExampleIsTested(t *testing.T) {
	found := 0
	require.NoError(t, filepath.WalkDir(examples, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		name, err := filepath.Rel(examples, path)
		require.NoError(t, err)
		if _, here := custom[name]; here {
			return nil
		}
		where, there := elsewhere[name]
		require.True(t, there, "docs/examples/%s: no test runs it or checks it", name)
		out, err := exec.CommandContext(t.Context(), "grep", "-rqF", strings.TrimSuffix(filepath.Base(name), ".py"), filepath.Join("../..", where)).CombinedOutput()
		require.NoError(t, err, "test/%s does not name %s %s", where, name, out)
		return nil
	}))
	require.Equal(t, len(custom)+len(elsewhere), found, "examples that are gone")
}

// The API server takes each custom resource as it is written, and would refuse a typo.
func TestCustomResources(t *testing.T) {
	c := controlplane.StartTest(t, controlplane.Options{})
	for _, namespace := range []string{"shop", "checkout"} {
		require.NoError(t, c.Namespace(t.Context(), namespace))
	}
	api := c.Clientset().CoreV1().RESTClient()
	post := func(path, text string, params ...string) error {
		r := api.Post().AbsPath("/apis/"+path).SetHeader("Content-Type", "application/yaml").Body([]byte(text))
		for i := 0; i < len(params); i += 2 {
			r = r.Param(params[i], params[i+1])
		}
		return r.Do(t.Context()).Error()
	}
	define(t, api, post)
	for name, example := range custom {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(examples, name))
			require.NoError(t, err)
			take := func(text string) error {
				return post(example.path, text, "dryRun", "All", "fieldValidation", "Strict")
			}
			require.NoError(t, take(string(text)))
			require.Contains(t, string(text), example.right)
			require.ErrorContains(t, take(strings.Replace(string(text), example.right, example.wrong, 1)), strings.TrimSuffix(example.wrong, ":"))
		})
	}
}

// define has the API server know the custom resources.
func define(t *testing.T, api rest.Interface, post func(path, text string, params ...string) error) {
	t.Helper()
	for _, d := range definitions {
		download := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", d.module)
		download.Dir = filepath.Join("../../clients", d.ours)
		out, err := download.Output()
		require.NoError(t, err, "%s", out)
		var module struct{ Dir string }
		require.NoError(t, json.Unmarshal(out, &module))
		files, err := filepath.Glob(filepath.Join(module.Dir, d.files))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, document := range strings.Split("\n"+string(text), "\n---\n") {
				if strings.TrimSpace(document) != "" {
					require.NoError(t, post("apiextensions.k8s.io/v1/customresourcedefinitions", document), file)
				}
			}
		}
	}
	for _, example := range custom {
		require.Eventually(t, func() bool { return api.Get().AbsPath("/apis/"+example.path).Do(t.Context()).Error() == nil },
			time.Minute, 50*time.Millisecond, "%s is not served", example.path)
	}
}
