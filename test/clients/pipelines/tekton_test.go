package pipelines

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/entrypoint"
	"github.com/tektoncd/pipeline/pkg/entrypoint/pipeline"
	"github.com/tektoncd/pipeline/pkg/reconciler/taskrun/resources"
	"github.com/tektoncd/pipeline/pkg/result"
	"github.com/tektoncd/pipeline/pkg/termination"
	"sigs.k8s.io/yaml"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/clients/documents"
)

// step runs a step as Tekton's entrypoint does, which is not a library.
type step struct {
	dir     string
	environ []string
	output  string
}

func (s *step) Run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = s.dir, s.environ
	out, err := cmd.CombinedOutput()
	s.output = string(out)
	return err
}

// posts keeps no file: there is no step behind that waits for one.
type posts struct{}

func (posts) Write(string, string) {}

// waiter waits for what never comes: nobody cancels the run.
type waiter struct{}

func (waiter) Wait(ctx context.Context, _ string, _, _ bool) error {
	<-ctx.Done()
	return entrypoint.ErrContextCanceled
}

func TestTekton(t *testing.T) {
	ctx := t.Context()
	text := example(t, "tekton/task.yaml")
	documents.Configuration(t, "tekton.md", text)
	var task v1.Task
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &task))
	task.SetDefaults(ctx)
	require.NoError(t, asError(task.Validate(ctx)))
	var asRun v1.TaskRun
	require.NoError(t, yaml.UnmarshalStrict([]byte(example(t, "tekton/taskrun.yaml")), &asRun))
	asRun.Name = asRun.GenerateName + "x7k2p" // as the API server makes names
	asRun.SetDefaults(ctx)
	require.NoError(t, asError(asRun.Validate(ctx)))
	require.NoError(t, resources.ValidateParamArrayIndex(&task.Spec, asRun.Spec.Params))
	require.Equal(t, task.Name, asRun.Spec.TaskRef.Name)
	var names []string
	for _, r := range task.Spec.Results {
		names = append(names, r.Name)
	}

	for _, q := range questions(t) {
		t.Run(q.name, func(t *testing.T) {
			taskRun := asRun.DeepCopy()
			for i, value := range map[string]string{"namespace": q.namespace, "since": q.since} {
				at := slices.IndexFunc(taskRun.Spec.Params, func(p v1.Param) bool { return p.Name == i })
				require.GreaterOrEqual(t, at, 0, i)
				taskRun.Spec.Params[at].Value = *v1.NewStructuredValues(value)
			}
			taskRun.Spec.Params = append(taskRun.Spec.Params, v1.Param{Name: "server", Value: *v1.NewStructuredValues(q.server)})
			require.NoError(t, asError(taskRun.Validate(t.Context())))
			spec := resources.ApplyParameters(task.Spec.DeepCopy(), taskRun, task.Spec.Params...)
			spec = resources.ApplyResults(spec)
			require.Len(t, spec.Steps, 1)
			check := spec.Steps[0]
			require.Equal(t, []string{"falcogate"}, check.Command)

			// The directory of the results is one of Tekton's volumes.
			results := t.TempDir()
			args := slices.Clone(check.Args)
			at := slices.Index(args, "--result-dir="+pipeline.DefaultResultPath)
			require.GreaterOrEqual(t, at, 0, "the results must be where Tekton reads them: %v", args)
			args[at] = "--result-dir=" + results
			require.NotContains(t, strings.Join(args, " "), "$(")

			message := filepath.Join(t.TempDir(), "termination")
			runner := &step{dir: t.TempDir(), environ: q.environ()} // without the CA's file, which a volume has
			err := entrypoint.Entrypointer{
				Command: append([]string{daemon.Program()}, args...), Runner: runner, Waiter: waiter{}, PostWriter: posts{}, TerminationPath: message,
				Results: names, ResultsDirectory: results, StepMetadataDir: t.TempDir(), ArtifactsDirectory: t.TempDir(),
				ResultExtractionMethod: entrypoint.ResultExtractionMethodTerminationMessage,
			}.Go()
			var exit *exec.ExitError
			code := 0
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, q.code, code, runner.output)

			data, err := os.ReadFile(message)
			require.NoError(t, err)
			require.Less(t, len(data), termination.MaxContainerTerminationMessageLength/2)
			var written []result.RunResult
			require.NoError(t, json.Unmarshal(data, &written))
			have := map[string]string{}
			for _, r := range written {
				if r.ResultType == result.TaskRunResultType {
					have[r.Key] = r.Value
				}
			}
			require.Len(t, have, len(names), "%s", data)
			require.Equal(t, []string{q.verdict, q.reason, q.alerts}, []string{have["verdict"], have["reason"], have["alert-count"]})
			require.NotEmpty(t, have["message"])
			var shown strings.Builder
			shown.WriteString(runner.output)
			for _, name := range names {
				shown.WriteString("result " + name + ": " + have[name] + "\n")
			}
			documents.Output(t, "tekton.md", q.name, shown.String())
		})
	}

	// A result that is not declared is not read, and one that is must be written.
	entries := t.TempDir()
	_, code := run(t, t.TempDir(), asked{}.environ(), daemon.Program(), "check", "-n", "x", "--since", "1m", "--server", nobody(t), "--result-dir", entries)
	require.Equal(t, 2, code)
	files, err := os.ReadDir(entries)
	require.NoError(t, err)
	var written []string
	for _, f := range files {
		written = append(written, f.Name())
	}
	require.ElementsMatch(t, names, written)
}

// asError is nil for no error of a kind whose pointer is nil.
func asError[E interface {
	comparable
	error
}](err E) error {
	var none E
	if err == none {
		return nil
	}
	return err
}
