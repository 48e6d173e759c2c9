package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// suite is the tests of a package, or some of them.
type suite struct {
	path    string
	needs   map[string]bool // what the package's tests import, also indirectly
	part    string          // for the reader, when it is not all tests
	args    []string        // of go test, that say which part
	took    time.Duration   // on the original
	timeout time.Duration
}

// loadSuites finds the packages that have tests, and what each depends on.
func loadSuites(ctx context.Context, root string, patterns []string) ([]*suite, error) {
	const format = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}"
	text, err := goOutput(ctx, root, append([]string{"list", "-f", format}, patterns...)...)
	if err != nil {
		return nil, err
	}
	var all []*suite
	for _, path := range strings.Fields(string(text)) {
		needs, err := goOutput(ctx, root, "list", "-test", "-deps", "-f", "{{.ImportPath}}", path)
		if err != nil {
			return nil, err
		}
		s := &suite{path: path, needs: map[string]bool{}}
		for line := range strings.Lines(string(needs)) {
			// What is built anew for a test is listed as "path [test's path]".
			if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); name != "" {
				s.needs[name] = true
			}
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no tests in %s", strings.Join(patterns, ", "))
	}
	return all, nil
}

// suitesFor are those whose tests a change of the package could break.
func suitesFor(all []*suite, path string) []*suite {
	var some []*suite
	for _, s := range all {
		if s.needs[path] {
			some = append(some, s)
		}
	}
	return some
}

func (s *suite) String() string { return s.path + s.part }
