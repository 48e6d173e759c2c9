package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// maxMemory bounds what each process may have, in bytes: a mutant whose loop has
// no end and whose list grows would take the machine down before its time is up.
const maxMemory = 4 << 30

// limitMemory sets maxMemory for this process and those it starts, unless there
// is a lower limit already.
func limitMemory() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("reading the limit of memory: %w", err)
	}
	limit.Cur = min(limit.Cur, maxMemory)
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limiting memory: %w", err)
	}
	return nil
}

// endGrace is how long the go command has to clean up after an interrupt.
const endGrace = 10 * time.Second

// goCommand prepares the go command in a folder. It and all it starts are a group
// of processes of their own, so that an interrupt from the terminal does not reach
// them and look like a test that failed; the end of the context does.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	// Property tests by rapid are not to search for the smallest failure, and not
	// to leave it in the working tree.
	cmd.Env = append(os.Environ(), "RAPID_NOFAILFILE=true", "RAPID_SHRINKTIME=0s")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = endGrace
	return cmd
}

// goOutput runs the go command and returns what it prints.
func goOutput(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := goCommand(ctx, dir, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return text, nil
}

// goTest runs the tests of a package, and says what became of them and what they
// printed. overlay names a file that replaces others, or is empty.
func goTest(ctx context.Context, dir, overlay, path string, timeout time.Duration, more ...string) (fate, string, error) {
	args := append([]string{"test", "-vet=off", "-count=1", "-failfast", "-timeout=" + timeout.String()}, more...)
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	// The go command itself ends tests that go on after their time.
	output, err := goCommand(ctx, dir, append(args, path)...).CombinedOutput()
	text := string(output)
	if ctx.Err() != nil {
		return notRun, text, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return notRun, text, fmt.Errorf("go test %s: %w", path, err)
	}
	f := fateOf(err == nil, text)
	if f == notRun {
		return notRun, text, fmt.Errorf("go test %s: %w, and neither a test nor the compiler failed:\n%s", path, err, text)
	}
	return f, text, nil
}

// fateOf tells the fate of a mutant from what go test said; notRun when it says
// neither that a test failed nor that the build did.
func fateOf(passed bool, output string) fate {
	if passed {
		return survived
	}
	f := notRun
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "FAIL\t"):
		case strings.HasSuffix(line, "[build failed]"), strings.HasSuffix(line, "[setup failed]"):
			return notCompiling
		default:
			f = killed
		}
	}
	return f
}

// compilerError is the first error in what go test said of a failed build, without
// the place.
func compilerError(output string) string {
	for line := range strings.Lines(output) {
		if place, text, found := strings.Cut(line, ".go:"); found && !strings.HasPrefix(place, "#") {
			return oneLine(strings.TrimLeft(text, "0123456789: "))
		}
	}
	return "the build failed"
}

// hung says so when go test ended tests that went on after their time: they hold
// the mutant too, but on a machine that is busy it may mean nothing.
func hung(output string) string {
	if strings.Contains(output, "panic: test timed out after ") {
		return "out of time"
	}
	return ""
}
