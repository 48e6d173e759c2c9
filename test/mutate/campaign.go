package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// campaign is the mutants and the tests that judge them.
type campaign struct {
	root    string
	workers int
	suites  []*suite // the fastest first, once measured
	sources []*source
	mutants []*mutant
	made    int // how many there were before -run and -sample
}

// list prints the mutants.
func (c *campaign) list(w io.Writer) error {
	for _, m := range c.mutants {
		note := ""
		switch m.fate {
		case equivalent:
			note = " (equivalent: " + m.why + ")"
		case notCompiling:
			note = " (does not compile: " + m.why + ")"
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", m, note); err != nil {
			return err
		}
	}
	return nil
}

// judge runs the mutants and prints the report. An error says that not all of
// them were run; then the report is not written to a file.
func (c *campaign) judge(ctx context.Context, o options, stdout, stderr io.Writer) error {
	var err error
	if c.suites, err = measureAll(ctx, c.root, c.suites); err != nil {
		return err
	}
	for _, s := range c.suites {
		fmt.Fprintf(stderr, "%s pass in %s; a mutant's may take %s\n", s, s.took.Round(time.Second/10), s.timeout)
	}
	begin := time.Now()
	ran, err := c.runAll(ctx, stderr)
	if ran > 0 {
		took := time.Since(begin)
		fmt.Fprintf(stderr, "%d mutants run in %s, one every %s\n", ran, took.Round(time.Second), (took / time.Duration(ran)).Round(time.Second/10))
	}
	report := c.report()
	if _, e := io.WriteString(stdout, report); e != nil {
		err = errors.Join(err, e)
	}
	if o.out == "" || err != nil {
		return err
	}
	out := o.out
	if !filepath.IsAbs(out) {
		out = filepath.Join(c.root, out)
	}
	return os.WriteFile(out, []byte(report), 0o644)
}

// count is how many mutants of a source have the fate; of all when it is nil.
func (c *campaign) count(s *source, f fate) (n int) {
	for _, m := range c.mutants {
		if m.fate == f && (s == nil || m.source == s) {
			n++
		}
	}
	return n
}

// survivors is how many mutants no test noticed.
func (c *campaign) survivors() int { return c.count(nil, survived) }
