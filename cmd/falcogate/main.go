// Command falcogate is a gate over Falco's alerts: the daemon that keeps them
// and answers, and the commands that ask it.
//
// This package holds flags, configuration and wiring, and decides nothing: what
// an alert is stands in correlate, what comes in is consumer's, what goes out is
// verifier's.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes. 1 is an unambiguous fail: nothing but a fail verdict may use it.
const (
	exitPass         = 0
	exitFail         = 1
	exitInconclusive = 2 // and every error at run time: not knowing is not passing
	exitUsage        = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// exitError ends the program with a code and, unless empty, a last line.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef is an error of the command line or the configuration.
func usagef(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, args, environ []string, streams stdio) int {
	root := newRootCommand(environ, streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitPass
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		// Cobra's own errors: an unknown command, a missing argument.
		exit = &exitError{code: exitUsage, err: err}
	}
	if exit.err != nil {
		fmt.Fprintf(streams.err, "falcogate: %v\n", exit.err)
		if exit.code == exitUsage {
			fmt.Fprintln(streams.err, "falcogate: run with --help to see how it is used")
		}
	}
	return exit.code
}

func newRootCommand(environ []string, streams stdio) *cobra.Command {
	root := &cobra.Command{
		Use:   "falcogate",
		Short: "A gate over Falco's alerts: one alert fails, only proof passes",
		Long: `falcogate keeps what Falco sends and answers the question that a gate asks:
since T, did Falco see anything in this namespace at severity S or above?

Every flag can be set in the environment as FALCOGATE_<FLAG>, with _ for -.
Exit codes: 0 pass, 1 fail, 2 inconclusive or an error, 3 wrong usage.`,
		Example: `  falcogate serve
  falcogate check -n shadow-checkout --since 10m`,
		Version:       built.String(),
		SilenceUsage:  true,
		SilenceErrors: true,
		// A typo must be an error and not the help text with exit code 0.
		Args: cobra.NoArgs,
		// Nor may a line without a command look like a pass.
		RunE: func(*cobra.Command, []string) error { return usagef("want a command") },
	}
	root.Flags().Bool("version", false, "print the version and the commit that it was built from")
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetIn(streams.in)
	root.SetOut(streams.out)
	root.SetErr(streams.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%s: %w", cmd.Name(), err)
	})
	root.AddCommand(
		newServeCommand(environ, streams),
		newCheckCommand(environ, streams),
		newGateCommand(environ, streams),
		newAlertsCommand(environ, streams),
		newSensorsCommand(environ, streams),
		newExplainCommand(environ, streams),
		newVerifyVerdictCommand(environ, streams),
		newReplayCommand(environ, streams),
		newDoctorCommand(environ, streams),
		newVersionCommand(streams),
		newManCommand(environ),
	)
	addCompletion(root)
	return root
}
