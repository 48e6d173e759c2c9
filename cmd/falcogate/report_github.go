package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/falcogate/falcogate/verifier"
)

// githubAnnotations is how many alerts or reasons become an annotation each: GitHub shows
// ten of a kind for a step.
const githubAnnotations = 5

// githubFiles are the files that GitHub reads when a step has ended; empty outside of it.
type githubFiles struct{ output, summary string }

func githubFilesOf(environ []string) githubFiles {
	return githubFiles{output: environment(environ, "GITHUB_OUTPUT"), summary: environment(environ, "GITHUB_STEP_SUMMARY")}
}

// writeGitHub writes annotations as workflow commands, and the summary and the outputs of
// the step. Nothing else is written, since GitHub looks for commands in every line.
func writeGitHub(out io.Writer, files githubFiles, r result) error {
	var b strings.Builder
	title := "Falco: " + r.outcome.String() + ", " + r.about
	switch r.outcome {
	case verifier.Pass:
		githubCommand(&b, "notice", title, r.message)
	case verifier.Fail:
		githubCommand(&b, "error", title, r.message)
		listed, _ := r.alerts()
		for _, a := range listed[:min(len(listed), githubAnnotations)] {
			githubCommand(&b, "error", a.Priority.String()+": "+oneLine(a.Rule, 200), fmt.Sprintf("pod %s at %s: %s",
				orDash(oneLine(a.Pod, 253)), a.Time.UTC().Format(time.RFC3339Nano), oneLine(alertText(&a), 2000)))
		}
	default:
		reasons := r.reasons()
		for _, reason := range reasons[:min(len(reasons), githubAnnotations)] {
			githubCommand(&b, "warning", title, string(reason.Reason)+": "+oneLine(reason.Message, 1000))
		}
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	// In HTML that has no mark-up of its own there is no Markdown either.
	summary := fmt.Sprintf("### Falco: %s\n\n<pre>\n%s</pre>\n", r.outcome, html.EscapeString(xmlChars(r.text())))
	if err := appendFile(files.summary, summary); err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	if err := appendFile(files.output, githubOutputs(r)); err != nil {
		return fmt.Errorf("GITHUB_OUTPUT: %w", err)
	}
	return nil
}

var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func githubCommand(b *strings.Builder, command, title, text string) {
	fmt.Fprintf(b, "::%s title=%s::%s\n", command, githubProperty.Replace(title), githubData.Replace(text))
}

// githubOutputs are the step's outputs. Each ends at a line that nobody could guess.
func githubOutputs(r result) string {
	random := make([]byte, 16)
	rand.Read(random)
	end := "falcogate-" + hex.EncodeToString(random)
	_, count := r.alerts()
	var b strings.Builder
	for _, output := range []struct{ name, value string }{
		{"verdict", r.outcome.String()},
		{"passed", strconv.FormatBool(r.outcome == verifier.Pass)},
		{"reason", r.reason},
		{"message", r.message},
		{"alert-count", strconv.FormatUint(count, 10)},
		{"verdict-id", r.id()},
	} {
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", output.name, end, output.value, end)
	}
	return b.String()
}

// appendFile adds lines to a file, in one piece. An empty path is no file.
func appendFile(path, lines string) (err error) {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	last := []byte{'\n'}
	if end > 0 {
		if _, err := f.ReadAt(last, end-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' {
		lines = "\n" + lines // what stands there was left without a line end
	}
	_, err = f.WriteString(lines)
	return err
}
