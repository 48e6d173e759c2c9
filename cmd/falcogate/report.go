package main

import (
	"errors"
	"io"

	"github.com/falcogate/falcogate/verifier"
)

// reports says that something else than a person reads the answer, and must find one
// whatever happens.
func (o *serverOptions) reports() bool {
	return o.output == outputJUnit || o.output == outputGitHub || o.output == outputAegis || o.resultDir != ""
}

// prepare makes the result directory ready, before anything is looked at that may be wrong.
func (o *serverOptions) prepare() error {
	if o.resultDir == "" {
		return nil
	}
	err := prepareResults(o.resultDir)
	if err != nil {
		o.resultDir = "" // there is no use in trying again
	}
	return err
}

// deliver writes an answer: by write, or as a report, and then to the result directory.
func (o *serverOptions) deliver(out io.Writer, r result, write func() error) error {
	o.delivered = true
	switch o.output {
	case outputJUnit:
		write = func() error { return writeJUnit(out, r) }
	case outputGitHub:
		write = func() error { return writeGitHub(out, githubFilesOf(o.environ), r) }
	case outputAegis:
		write = func() error { return printer{out: out, format: "json"}.json(r.aegis()) }
	}
	err := write()
	if o.resultDir == "" {
		return err
	}
	if err != nil && o.unwritten(r.outcome) != exitFail {
		r = unansweredResult(r.about, err)
	}
	return errors.Join(err, writeResults(o.resultDir, r))
}

// unwritten is the exit code for a verdict that could not be written. A fail stays one: it
// is known, and a pipeline may let an inconclusive through. Where it was to be attested, it
// is the attestation that counts.
func (o *serverOptions) unwritten(outcome verifier.Outcome) int {
	if outcome == verifier.Fail && o.predicate() == "" {
		return exitFail
	}
	return exitInconclusive
}

// accounted is the error of a command that ends. Where something was to be reported and
// the command came to nothing, that is what is reported.
func (o *serverOptions) accounted(out io.Writer, about string, err error) error {
	if err == nil || o.delivered || !o.reports() {
		return err
	}
	unreported := o.deliver(out, unansweredResult(about, err), func() error { return nil })
	var exit *exitError
	if unreported == nil || !errors.As(err, &exit) {
		return err
	}
	return &exitError{code: exit.code, err: errors.Join(exit.err, unreported)}
}
