package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A mutant's tests may take maxSlower times as long as the original's, and at
// least minTimeout, before they count as hung.
const (
	minTimeout = 30 * time.Second
	maxSlower  = 10
	// firstTimeout is for the original's tests, of which nothing is known yet.
	firstTimeout = 10 * time.Minute
)

// slowTest is how long a test takes that is run after the quick ones of its
// package: most mutants are dead by then.
const slowTest = 200 * time.Millisecond

// measureAll runs all tests on the original and returns the suites, with the slow
// tests apart and the fastest first.
func measureAll(ctx context.Context, root string, all []*suite) ([]*suite, error) {
	var measured []*suite
	for _, s := range all {
		parts, err := s.measure(ctx, root)
		if err != nil {
			return nil, err
		}
		measured = append(measured, parts...)
	}
	slices.SortStableFunc(measured, func(a, b *suite) int { return cmp.Compare(a.took, b.took) })
	return measured, nil
}

// measure runs the tests on the original and parts the quick from the slow ones.
// They are built first, so that the time is that of the tests.
func (s *suite) measure(ctx context.Context, root string) ([]*suite, error) {
	var text string
	var took time.Duration
	for _, more := range []string{"-run=^$", "-v"} {
		begin := time.Now()
		var f fate
		var err error
		if f, text, err = goTest(ctx, root, "", s.path, firstTimeout, more); err != nil {
			return nil, err
		}
		if f != survived {
			return nil, fmt.Errorf("the tests of %s fail without any change, so they can judge none:\n%s", s.path, text)
		}
		took = time.Since(begin)
	}
	return s.split(took, text), nil
}

// passedTest is what go test -v says of a test that is not part of another.
var passedTest = regexp.MustCompile(`(?m)^--- PASS: (\w+) \((\d+\.\d+s)\)$`)

// split makes two suites of one that took so long and of which go test -v printed
// the text, or one when no test is slow or all are.
func (s *suite) split(took time.Duration, text string) []*suite {
	var slow []string
	var slowTook time.Duration
	tests := passedTest.FindAllStringSubmatch(text, -1)
	for _, t := range tests {
		if d, err := time.ParseDuration(t[2]); err == nil && d >= slowTest {
			slow, slowTook = append(slow, t[1]), slowTook+d
		}
	}
	if len(slow) == 0 || len(slow) == len(tests) {
		return []*suite{s.with("", nil, took)}
	}
	names := "^(" + strings.Join(slow, "|") + ")$"
	return []*suite{
		s.with(", the quick tests", []string{"-skip=" + names}, max(took-slowTook, 0)), // tests may run at once
		s.with(", the slow tests", []string{"-run=" + names}, slowTook),
	}
}

// with is part of the suite.
func (s *suite) with(part string, args []string, took time.Duration) *suite {
	timeout := max(minTimeout, maxSlower*took).Round(time.Second)
	return &suite{path: s.path, needs: s.needs, part: part, args: args, took: took, timeout: timeout}
}
