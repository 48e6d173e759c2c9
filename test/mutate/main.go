// Command mutate finds out whether each condition of a few source files is held
// by a test. It makes mutants of a file, each with one condition disabled or one
// step left out, and runs the tests on each: a mutant on which all tests pass has
// survived, and shows what could be wrong without a test noticing.
//
//	go run . [flags] -test ./correlate,./verifier correlate/ledger.go …
//
// Files, test packages and -out are relative to -dir, whose working tree is left
// as it is: the go command is given an overlay. Only the tests of packages that
// depend on the file are run, the fastest first.
//
// A line that ends with the comment
//
//	// mutate: equivalent, REASON
//
// is left alone, and listed with the reason: that is for a change of which no test
// could tell. The exit status is 1 when a mutant survived and 2 after any other
// trouble, an interrupt among them; the go command makes 1 of both. An interrupt
// prints the report of what was run so far.
//
// It is a module of its own, so that it imports nothing of what it judges, and
// runs where there are process groups: Linux and macOS.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

// Exit statuses.
const (
	exitHeld     = 0
	exitSurvived = 1
	exitTrouble  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// options are what the command line says.
type options struct {
	dir     string
	tests   string
	only    *regexp.Regexp
	list    bool
	workers int
	out     string
	sample  int
	seed    uint64
	targets []string
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", "../..", "the module's `folder`, to which all else is relative")
	flags.StringVar(&o.tests, "test", "", "the test `packages` to run, apart by commas")
	only := flags.String("run", "", "keep to the mutants whose line in -list matches the `regexp`")
	flags.BoolVar(&o.list, "list", false, "list the mutants and run none")
	flags.IntVar(&o.workers, "workers", 2, "how many mutants to run at a time")
	flags.StringVar(&o.out, "out", "", "write the report to this `file` too")
	flags.IntVar(&o.sample, "sample", 0, "keep to this many mutants, drawn at random; 0 for all")
	flags.Uint64Var(&o.seed, "seed", 1, "what -sample draws by")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.targets = flags.Args()
	var err error
	switch o.only, err = regexp.Compile(*only); {
	case err != nil:
		return o, fmt.Errorf("-run: %w", err)
	case len(o.targets) == 0:
		return o, errors.New("no target given: name a source file, such as correlate/count.go")
	case o.tests == "":
		return o, errors.New("no -test given: name the packages whose tests are to run, such as ./correlate")
	case o.workers < 1 || o.sample < 0:
		return o, fmt.Errorf("-workers is %d and -sample %d: want 1 or more, and 0 or more", o.workers, o.sample)
	}
	return o, nil
}

// run is main without the process around it. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitHeld
	}
	if err == nil {
		err = limitMemory()
	}
	var c *campaign
	if err == nil {
		c, err = prepare(ctx, o)
	}
	switch {
	case err != nil:
	case o.list:
		err = c.list(stdout)
	default:
		err = c.judge(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "mutate:", err)
		return exitTrouble
	}
	if !o.list && c.survivors() > 0 {
		return exitSurvived
	}
	return exitHeld
}
