package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// hostile is what a process may have Falco write into an alert, in the ways in which each
// report could be broken out of.
var hostile = strings.Join([]string{
	"x\n::error::owned", "\r::set-output name=verdict::pass", "##[add-mask]a", "]]></failure><testcase name='ok'/>",
	"\x00\x1b[31m\x0b\ufffe\uffff\xff", "</pre><script>alert(1)</script>", "\n```\n# owned\n", "100%\n", "verdict<<EOF\npass\nEOF", "\u2028\u202e",
}, " ")

// hostileFail is a verdict with that in everything that comes from an alert.
func hostileFail(alerts int) *verifier.Verdict {
	at := time.Date(2026, 11, 23, 6, 26, 20, 450e6, time.UTC)
	v := &verifier.Verdict{
		ID: "096ad370ec7e9c3d2ec9477cb7036e85", Verdict: verifier.Fail, Reason: verifier.ReasonAlerts,
		Message: "1 alert\n::error::x", Namespace: "shop", Severity: correlate.Warning, AlertCount: uint64(alerts),
		Reasons: []verifier.Reason{{Reason: verifier.ReasonAlerts, Message: "1 alert\n::error::x", Count: uint64(alerts)}},
		Window:  verifier.Window{Start: at.Add(-time.Minute), End: at}, EvaluatedAt: at,
	}
	for range alerts {
		v.Alerts = append(v.Alerts, verifier.Alert{Rule: hostile, Pod: hostile, Priority: correlate.Critical, Time: at, Output: hostile})
	}
	return v
}

// suites is a JUnit report as a reader of it that knows nothing of us has it.
type suites struct {
	XMLName  xml.Name `xml:"testsuite"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Cases    []struct {
		Name    string   `xml:"name,attr"`
		Failure []string `xml:"failure"`
		Error   []string `xml:"error"`
		Out     string   `xml:"system-out"`
	} `xml:"testcase"`
}

func junitOf(t *testing.T, r result) (report suites, text string) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, writeJUnit(&out, r))
	require.NoError(t, xml.Unmarshal(out.Bytes(), &report), "%s", out.String())
	require.Len(t, report.Cases, 1)
	require.Equal(t, 1, report.Tests)
	return report, out.String()
}

func TestJUnit(t *testing.T) {
	report, text := junitOf(t, resultOf(hostileFail(2)))
	require.NotRegexp(t, "[\x00-\x08\x0b-\x1f\ufffe\uffff]", text)
	require.Equal(t, "Falco: namespace shop at Warning or above", report.Cases[0].Name)
	require.Equal(t, []int{1, 0}, []int{report.Failures, report.Errors})
	require.Empty(t, report.Cases[0].Error)
	require.Len(t, report.Cases[0].Failure, 1)
	failure := report.Cases[0].Failure[0]
	require.Equal(t, 2, strings.Count(failure, "\nCritical  x·::error::owned"), failure)
	require.Equal(t, 2, strings.Count(failure, "\n  output  x·::error::owned"), failure)
	require.Equal(t, 2, strings.Count(failure, "\n  time    2026-11-23T06:26:20.45Z\n"), failure)
	require.Contains(t, failure, "]]></failure><testcase name='ok'/>")
	require.True(t, strings.HasPrefix(report.Cases[0].Out, "FAIL  namespace shop"), report.Cases[0].Out)

	pass := hostileFail(0)
	pass.Verdict, pass.Passed = verifier.Pass, true
	report, _ = junitOf(t, resultOf(pass))
	require.Equal(t, []int{0, 0}, []int{report.Failures, report.Errors})
	require.Empty(t, append(report.Cases[0].Failure, report.Cases[0].Error...))

	// What neither passed nor failed is an error, also what is no verdict at all.
	for name, r := range map[string]result{
		"the zero value": {}, "unanswered": unansweredResult("gate g", errors.New("refused")),
		"inconclusive": resultOf(&verifier.Verdict{Reasons: []verifier.Reason{{Reason: "silent", Message: "m"}, {Reason: "late", Message: "n"}}}),
		"cancelled":    resultOfGate(&verifier.Gate{State: "cancelled"}),
	} {
		report, _ = junitOf(t, r)
		require.Equal(t, []int{0, 1}, []int{report.Failures, report.Errors}, name)
		require.Len(t, report.Cases[0].Error, 1, name)
		require.NotEmpty(t, report.Cases[0].Error[0], name)
	}
	report, _ = junitOf(t, resultOf(&verifier.Verdict{Reasons: []verifier.Reason{{Reason: "silent", Message: "m"}, {Reason: "late", Message: "n"}}}))
	require.Equal(t, "silent: m\nlate: n\n", report.Cases[0].Error[0])
}

// command is a line that GitHub's runner takes for a workflow command.
var command = regexp.MustCompile(`^::(\w+) title=([^:,\n\r]*)::([^\n\r]*)$`)

// githubOf is what a step leaves: its annotations, outputs and summary, read as the runner
// reads them.
func githubOf(t *testing.T, r result, before string) (annotations [][]string, outputs map[string]string, summary string) {
	t.Helper()
	files := githubFilesOf([]string{
		"GITHUB_OUTPUT=" + filepath.Join(t.TempDir(), "output"), "GITHUB_STEP_SUMMARY=" + filepath.Join(t.TempDir(), "summary"),
	})
	require.NoError(t, os.WriteFile(files.output, []byte(before), 0o600))
	var out bytes.Buffer
	require.NoError(t, writeGitHub(&out, files, r))
	for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\n"), "\n") {
		require.Regexp(t, command, line)
		annotations = append(annotations, command.FindStringSubmatch(line)[1:])
	}
	written, err := os.ReadFile(files.summary)
	require.NoError(t, err)
	data, err := os.ReadFile(files.output)
	require.NoError(t, err)
	return annotations, readOutputs(t, string(data)), string(written)
}

// readOutputs reads a file of outputs.
func readOutputs(t *testing.T, text string) map[string]string {
	t.Helper()
	outputs := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(lines) > 0 {
		name, end, found := strings.Cut(lines[0], "<<")
		if !found {
			var value string
			name, value, found = strings.Cut(lines[0], "=")
			require.True(t, found, lines[0])
			outputs[name], lines = value, lines[1:]
			continue
		}
		var value []string
		for lines = lines[1:]; lines[0] != end; lines = lines[1:] {
			value = append(value, lines[0])
		}
		outputs[name], lines = strings.Join(value, "\n"), lines[1:]
	}
	return outputs
}

func TestGitHub(t *testing.T) {
	annotations, outputs, summary := githubOf(t, resultOf(hostileFail(7)), "before=1")
	require.Len(t, annotations, 6, "one for the verdict, and five alerts")
	for _, a := range annotations {
		require.Equal(t, "error", a[0])
	}
	require.Equal(t, "Falco%3A fail%2C namespace shop at Warning or above", annotations[0][1])
	require.Contains(t, annotations[1][2], "100%25·")
	require.Equal(t, map[string]string{
		"before": "1", "verdict": "fail", "passed": "false", "reason": "alerts", "message": "1 alert·::error::x",
		"alert-count": "7", "verdict-id": "096ad370ec7e9c3d2ec9477cb7036e85",
	}, outputs)
	head, rest, found := strings.Cut(summary, "<pre>")
	require.True(t, found)
	require.Equal(t, "### Falco: fail\n\n", head)
	body, tail, found := strings.Cut(rest, "</pre>")
	require.True(t, found)
	require.NotContains(t, body, "<")
	require.Equal(t, "\n", tail)

	pass := hostileFail(0)
	pass.Verdict = verifier.Pass
	annotations, outputs, _ = githubOf(t, resultOf(pass), "")
	require.Equal(t, "notice", annotations[0][0])
	require.Equal(t, "true", outputs["passed"])
	annotations, outputs, _ = githubOf(t, unansweredResult("gate g", errors.New("100% refused\nfor good")), "")
	require.Equal(t, []string{"warning", "Falco%3A inconclusive%2C gate g", "unanswered: 100%25 refused·for good"}, annotations[0])
	require.Equal(t, []string{"inconclusive", "false", "unanswered", "0", ""},
		[]string{outputs["verdict"], outputs["passed"], outputs["reason"], outputs["alert-count"], outputs["verdict-id"]})
	require.Error(t, writeGitHub(&bytes.Buffer{}, githubFiles{output: t.TempDir()}, result{}), "outputs that can't be written")

	// Nobody can end a value early who does not know what is drawn for it.
	first, second := githubOutputs(result{}), githubOutputs(result{})
	require.NotEqual(t, first, second)
}

func TestResultDir(t *testing.T) {
	dir := t.TempDir()
	read := func() (results map[string]string, size int) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		results = map[string]string{}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			require.NoError(t, err)
			results[e.Name()], size = string(data), size+len(data)
		}
		return results, size
	}
	require.NoError(t, writeResultFile(dir, "verdict", "pass")) // of an earlier run
	require.NoError(t, prepareResults(dir))
	results, _ := read()
	require.Equal(t, map[string]string{
		"verdict": "inconclusive", "reason": "unanswered", "message": "falcogate has not ended by itself", "alert-count": "0",
	}, results)

	v := hostileFail(3)
	v.Message = strings.Repeat("–", 4000) // three bytes each
	require.NoError(t, writeResults(dir, resultOf(v)))
	results, size := read()
	require.Less(t, size, 2048)
	require.Equal(t, []string{"fail", "alerts", "3"}, []string{results["verdict"], results["reason"], results["alert-count"]})
	require.Regexp(t, `^–+…$`, results["message"])
	for _, text := range []string{strings.Repeat("<", 4000), strings.Repeat("a", 4000), strings.Repeat("\U0001f600&", 2000)} {
		quoted, err := json.Marshal(cutJSON(text, 100))
		require.NoError(t, err)
		require.InDelta(t, 100, len(quoted)-2, 10)
		require.LessOrEqual(t, len(quoted)-2, 100)
	}
	require.Equal(t, strings.Repeat("a", 100), cutJSON(strings.Repeat("a", 100), 100))

	var exit *exitError
	for name, path := range map[string]string{"missing": filepath.Join(dir, "missing"), "a file": filepath.Join(dir, "verdict")} {
		require.ErrorAs(t, prepareResults(path), &exit, name)
		require.Equal(t, exitUsage, exit.code, name)
	}

	// A result directory that goes away is no pass, and neither is an answer that could
	// not be written.
	server := serverOptions{output: outputText, resultDir: filepath.Join(dir, "gone")}
	require.Error(t, server.deliver(&bytes.Buffer{}, resultOf(&verifier.Verdict{Verdict: verifier.Pass}), func() error { return nil }))
	server.resultDir = dir
	require.Error(t, server.deliver(&bytes.Buffer{}, resultOf(&verifier.Verdict{Verdict: verifier.Pass}), func() error { return errors.New("closed") }))
	results, _ = read()
	require.Equal(t, "inconclusive", results["verdict"])
}
