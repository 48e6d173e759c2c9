package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tinyReport is what the module in testdata/tiny gets.
const tinyReport = `| file | mutants | killed | survived | equivalent | not compiling |
| --- | ---: | ---: | ---: | ---: | ---: |
| ` + "`tiny.go`" + ` | 3 | 2 | 1 | 3 | 2 |

## Survivors

- tiny.go:14:35: ` + "`n < 10` → `n <= 10`" + `

## Equivalent

- tiny.go:21:5: ` + "`n < 0` → `true`" + ` — 0 is 0 either way
- tiny.go:21:5: ` + "`n < 0` → `false`" + ` — 0 is 0 either way
- tiny.go:21:7: ` + "`n < 0` → `n <= 0`" + ` — 0 is 0 either way

## Not compiling

`

func TestEndToEnd(t *testing.T) {
	out := filepath.Join(t.TempDir(), "mutants.md")
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"-dir", "testdata/tiny", "-test", ".", "-out", out, "./tiny.go"}, &stdout, &stderr)
	if status != exitSurvived {
		t.Errorf("exit status %d, want %d", status, exitSurvived)
	}
	if !strings.Contains(stdout.String(), tinyReport) {
		t.Errorf("have\n%s\nwant in it\n%s", &stdout, tinyReport)
	}
	for _, size := range []string{"- tiny.go:5:14: `4 + 1` → `4 - 1` — ", "- tiny.go:8:16: `4 + 1` → `4 - 1` — "} {
		if !strings.Contains(stdout.String(), size) {
			t.Errorf("have\n%s\nwant in it\n%s", &stdout, size)
		}
	}
	if !strings.Contains(stderr.String(), "SURVIVED tiny.go:14:35: n < 10 → n <= 10\n") {
		t.Errorf("have\n%s\nwant the survivor in it", &stderr)
	}
	if written, err := os.ReadFile(out); err != nil || string(written) != stdout.String() {
		t.Errorf("the file's report is not the one printed: %v", err)
	}
}

func TestAllHeld(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"-dir", "testdata/tiny", "-test", ".", "-run", "tiny.go:11:", "tiny.go"}, &stdout, &stderr); status != exitHeld {
		t.Errorf("exit status %d, want %d", status, exitHeld)
	}
	for _, want := range []string{"Chosen: 1 of 8 mutants.", "| 1 | 1 | 0 | 0 | 0 |", "## Survivors\n\nNone.\n"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("have\n%s\nwant %q in it", &stdout, want)
		}
	}
}

// interrupter ends the context when it reads of a survivor, as a reader might.
type interrupter struct {
	bytes.Buffer
	stop context.CancelFunc
}

func (i *interrupter) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("SURVIVED ")) {
		i.stop()
	}
	return i.Buffer.Write(p)
}

func TestInterrupt(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := filepath.Join(t.TempDir(), "mutants.md")
	stderr := &interrupter{stop: stop}
	var stdout bytes.Buffer
	status := run(ctx, []string{"-dir", "testdata/tiny", "-test", ".", "-run", "tiny.go:(14|28):", "-workers", "1", "-out", out, "tiny.go"}, &stdout, stderr)
	if status != exitTrouble || !strings.Contains(stderr.String(), "interrupted: 1 of 2 mutants run") {
		t.Errorf("exit status %d, and\n%s", status, stderr.String())
	}
	if want := "The run did not reach its end. Not run: 1."; !strings.Contains(stdout.String(), want) {
		t.Errorf("have\n%s\nwant %q in it", &stdout, want)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a report of a part was written to the file")
	}
}

func TestTrouble(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no target", []string{"-test", "."}, "no target given"},
		{"no tests named", []string{"tiny.go"}, "no -test given"},
		{"bad expression", []string{"-run", "(", "-test", ".", "tiny.go"}, "-run: "},
		{"no workers", []string{"-workers", "0", "-test", ".", "tiny.go"}, "-workers is 0"},
		{"no such file", []string{"-test", ".", "other.go"}, "other.go is not built here"},
		{"a test", []string{"-test", ".", "tiny_test.go"}, "tiny_test.go is not built here"},
		{"outside", []string{"-test", ".", "../main.go"}, "../main.go: want a file below -dir"},
		{"no tests", []string{"-test", "./untested", "tiny.go"}, "no tests in ./untested"},
		{"tests of another", []string{"-test", "./other", "tiny.go"}, "none of the -test packages depends on it"},
		{"tests that fail", []string{"-test", "./failing", "failing/failing.go"}, "fail without any change"},
		{"none left", []string{"-run", "nowhere", "-test", ".", "tiny.go"}, "no mutant is left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), append([]string{"-dir", "testdata/tiny"}, tt.args...), &stdout, &stderr)
			if status != exitTrouble || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("exit status %d, and\n%s\nwant %d and %q", status, &stderr, exitTrouble, tt.want)
			}
		})
	}
}
