package pipelines

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/documents"
)

// runner is what of GitHub's runner the example needs: it runs the steps of one job with
// the files, the expressions and the conditions that they use. An expression that it does
// not know fails the test.
type runner struct {
	t       *testing.T
	dir     string
	environ []string
	values  map[string]string // of expressions
	server  string            // the variable that says which falcogate is asked, in place of the example's
	failed  bool
	ran     []string // ids or names of steps
	output  map[string]string
	summary string
}

var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

func (r *runner) evaluate(text string) string {
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		value, known := r.values[expression.FindStringSubmatch(e)[1]]
		require.True(r.t, known, "the expression %s", e)
		return value
	})
}

// allows says whether a step's condition holds. Without one, a step runs until one fails.
func (r *runner) allows(step *actionlint.Step) bool {
	if step.If == nil {
		return !r.failed
	}
	match := regexp.MustCompile(`^failure\(\) && (\S+) == '([a-z]+)'$`).FindStringSubmatch(step.If.Value)
	require.Len(r.t, match, 3, "the condition %q", step.If.Value)
	return r.failed && r.values[match[1]] == match[2]
}

func (r *runner) step(step *actionlint.Step) {
	exec, isRun := step.Exec.(*actionlint.ExecRun)
	if !isRun || !r.allows(step) {
		return
	}
	name, id := "", ""
	if step.Name != nil {
		name = step.Name.Value
	}
	if step.ID != nil {
		id, name = step.ID.Value, step.ID.Value
	}
	files, environ := map[string]string{}, slices.Clone(r.environ)
	for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		files[file] = filepath.Join(r.t.TempDir(), file)
		require.NoError(r.t, os.WriteFile(files[file], nil, 0o600))
		environ = append(environ, file+"="+files[file])
	}
	if step.Env != nil {
		for _, v := range step.Env.Vars {
			environ = append(environ, v.Name.Value+"="+r.evaluate(v.Value.Value))
		}
	}
	environ = append(environ, r.server)
	script := filepath.Join(r.t.TempDir(), "script.sh")
	require.NoError(r.t, os.WriteFile(script, []byte(r.evaluate(exec.Run.Value)), 0o600))
	output, code := run(r.t, r.dir, environ, "bash", "-e", script)
	r.ran, r.output[name] = append(r.ran, name), output
	r.failed = r.failed || code != 0
	for output, value := range readOutputs(r.t, files["GITHUB_OUTPUT"]) {
		r.values["steps."+id+".outputs."+output] = value
	}
	if summary, err := os.ReadFile(files["GITHUB_STEP_SUMMARY"]); err == nil && len(summary) > 0 {
		r.summary = string(summary)
	}
}

// readOutputs reads a file of outputs by GitHub's rules.
func readOutputs(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	outputs := map[string]string{}
	for rest := string(data); rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		if name, end, several := strings.Cut(line, "<<"); several {
			value, after, found := strings.Cut(rest, "\n"+end+"\n")
			require.True(t, found, "%s: %s does not end", data, name)
			outputs[name], rest = value, after
			continue
		}
		name, value, found := strings.Cut(line, "=")
		require.True(t, found, "%s: %s", data, line)
		outputs[name] = value
	}
	return outputs
}

func TestGitHub(t *testing.T) {
	text := example(t, "github/workflow.yml")
	documents.Configuration(t, "github.md", text)
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
	require.NoError(t, err)
	problems, err := linter.Lint("workflow.yml", []byte(text), nil)
	require.NoError(t, err)
	require.Empty(t, problems)
	workflow, problems := actionlint.Parse([]byte(text))
	require.Empty(t, problems)
	job := workflow.Jobs["shadow"]

	begin := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	for _, q := range questions(t) {
		t.Run(q.name, func(t *testing.T) {
			temp := t.TempDir()
			r := &runner{t: t, dir: t.TempDir(), environ: q.environ(), server: "FALCOGATE_SERVER=" + q.server, output: map[string]string{}, values: map[string]string{
				"runner.temp": temp, "secrets.FALCOGATE_TOKEN": "dGVzdC10ZXN0LXRlc3QtdGVzdA",
			}}
			for _, v := range job.Env.Vars {
				r.environ = append(r.environ, v.Name.Value+"="+r.evaluate(v.Value.Value))
			}
			r.environ = append(r.environ, "NAMESPACE="+q.namespace)
			for _, script := range []string{"shadow.sh", "promote.sh"} { // the user's own
				require.NoError(t, os.WriteFile(filepath.Join(r.dir, script), []byte("#!/bin/sh\n"), 0o700))
			}
			for _, step := range job.Steps {
				r.step(step)
				if step.ID != nil && step.ID.Value == "begin" {
					require.Regexp(t, begin, r.values["steps.begin.outputs.since"])
					r.values["steps.begin.outputs.since"] = q.since // when the recorded Falco lived
				}
			}
			want := []string{"begin", "Deploy and test", "falco"}
			switch q.verdict {
			case "pass":
				want = append(want, "Promote")
			case "inconclusive":
				want = append(want, "Nothing is proven")
			}
			require.Equal(t, want, r.ran)
			require.Equal(t, q.verdict != "pass", r.failed)
			output := func(name string) string { return r.values["steps.falco.outputs."+name] }
			require.Equal(t, q.verdict, r.evaluate(job.Outputs["verdict"].Value.Value))
			require.Equal(t, []string{q.reason, q.alerts}, []string{output("reason"), output("alert-count")}, output("message"))
			require.Equal(t, q.verdict == "pass", output("passed") == "true")
			require.Equal(t, q.name == "away", output("verdict-id") == "")
			annotation := map[string]string{"pass": "::notice", "fail": "::error", "inconclusive": "::warning"}[q.verdict]
			require.True(t, strings.HasPrefix(r.output["falco"], annotation+" title=Falco%3A "+q.verdict+"%2C namespace "+q.namespace), r.output["falco"])
			require.Contains(t, r.summary, "### Falco: "+q.verdict+"\n")
			if q.verdict == "inconclusive" {
				require.Equal(t, "Ask again, or mend what is missing. "+output("message")+"\n", r.output["Nothing is proven"])
			}
			info, err := os.Stat(filepath.Join(temp, "falcogate.token"))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			documents.Output(t, "github.md", q.name, r.output["falco"])
		})
	}
}
