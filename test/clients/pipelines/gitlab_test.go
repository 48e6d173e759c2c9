package pipelines

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/falcogate/falcogate/test/clients/documents"
)

// gitlabJob is what of GitLab's keywords the example uses, and no more: another is an error.
type gitlabJob struct {
	Stage        string            `yaml:"stage"`
	Image        string            `yaml:"image"`
	Timeout      string            `yaml:"timeout"`
	Variables    map[string]string `yaml:"variables"`
	Script       []string          `yaml:"script"`
	AfterScript  []string          `yaml:"after_script"`
	AllowFailure struct {
		ExitCodes []int `yaml:"exit_codes"`
	} `yaml:"allow_failure"`
	Artifacts struct {
		When    string `yaml:"when"`
		Reports struct {
			JUnit string `yaml:"junit"`
		} `yaml:"reports"`
	} `yaml:"artifacts"`
}

// junit is what GitLab reads of a report.
type junit struct {
	XMLName xml.Name `xml:"testsuite"`
	Cases   []struct {
		Name    string  `xml:"name,attr"`
		Class   string  `xml:"classname,attr"`
		Failure *string `xml:"failure"`
		Error   *string `xml:"error"`
		Out     string  `xml:"system-out"`
	} `xml:"testcase"`
}

func TestGitLab(t *testing.T) {
	text := example(t, "gitlab/.gitlab-ci.yml")
	documents.Configuration(t, "gitlab.md", text)
	var jobs map[string]gitlabJob
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&jobs))
	require.Len(t, jobs, 1)
	job := jobs["falco"]
	require.Equal(t, []int{2}, job.AllowFailure.ExitCodes, "an inconclusive warns, a fail does not")
	require.Equal(t, "always", job.Artifacts.When)
	require.NotContains(t, strings.Join(job.Script, "\n"), "|", "the end of a pipe hides the exit code")

	token := filepath.Join(t.TempDir(), "token") // a variable of the type File names one
	require.NoError(t, os.WriteFile(token, []byte("dGVzdC10ZXN0LXRlc3QtdGVzdA"), 0o600))
	for _, q := range questions(t) {
		t.Run(q.name, func(t *testing.T) {
			dir := t.TempDir()
			environ := q.environ("CI_PIPELINE_CREATED_AT="+q.since, "FALCOGATE_TOKEN_FILE="+token)
			for name, value := range job.Variables {
				environ = append(environ, name+"="+value)
			}
			environ = append(environ, "FALCOGATE_SERVER="+q.server, "NAMESPACE="+q.namespace)
			// The runner's shell ends with the first line that fails.
			output, code := run(t, dir, environ, "sh", "-ec", strings.Join(job.Script, "\n"))
			require.Equal(t, q.code, code, output)
			goesOn := code == 0 || slices.Contains(job.AllowFailure.ExitCodes, code)
			require.Equal(t, q.verdict != "fail", goesOn)

			report, err := os.ReadFile(filepath.Join(dir, job.Artifacts.Reports.JUnit))
			require.NoError(t, err)
			var suite junit
			require.NoError(t, xml.Unmarshal(report, &suite), "%s", report)
			require.Len(t, suite.Cases, 1)
			test := suite.Cases[0]
			require.Equal(t, "Falco: namespace "+q.namespace+" at Warning or above", test.Name)
			require.Equal(t, q.verdict == "fail", test.Failure != nil, "%s", report)
			require.Equal(t, q.verdict == "inconclusive", test.Error != nil, "%s", report)
			require.Contains(t, test.Out, strings.ToUpper(q.verdict)+"  namespace "+q.namespace)
			switch {
			case test.Failure != nil:
				require.Equal(t, 4, strings.Count(*test.Failure, "\n  pod     checkout-7d9f8c6b5-x2k4q\n"), *test.Failure)
			case test.Error != nil:
				require.Contains(t, *test.Error, q.reason+": ")
			}

			shown, code := run(t, dir, environ, "sh", "-ec", strings.Join(job.AfterScript, "\n"))
			require.Zero(t, code)
			require.Contains(t, shown, string(report))
			documents.Output(t, "gitlab.md", q.name, string(report))
		})
	}
}
