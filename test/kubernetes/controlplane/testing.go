package controlplane

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// RunTests is for TestMain: it starts a control plane, hands it to use, runs the
// tests and stops it, and returns the exit code. When something fails it prints the
// end of each program's log. A goroutine that is left at the end is a failure.
func RunTests(m *testing.M, o Options, use func(*ControlPlane)) (exitCode int) {
	c, err := Start(context.Background(), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	use(c)
	exitCode = m.Run()
	if exitCode != 0 {
		fmt.Fprintln(os.Stderr, c.LogTails())
	}
	if err := c.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		exitCode = max(exitCode, 1)
	}
	if exitCode == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			exitCode = 1
		}
	}
	return exitCode
}

// StartTest starts a control plane for one test, and stops it at its end.
func StartTest(t *testing.T, o Options) *ControlPlane {
	t.Helper()
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.LogTails())
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}
