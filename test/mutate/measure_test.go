package main

import (
	"slices"
	"testing"
	"time"
)

const verbose = `=== RUN   TestA
--- PASS: TestA (0.00s)
=== RUN   TestB
    --- PASS: TestB/part (3.00s)
--- PASS: TestB (3.00s)
--- SKIP: TestC (0.00s)
--- PASS: ExampleD (0.20s)
PASS
`

func TestSplit(t *testing.T) {
	s := &suite{path: "a/b", needs: map[string]bool{"a/b": true}}
	parts := s.split(5*time.Second, verbose)
	if len(parts) != 2 {
		t.Fatalf("have %d parts, want 2", len(parts))
	}
	quick, slow := parts[0], parts[1]
	if !slices.Equal(quick.args, []string{"-skip=^(TestB|ExampleD)$"}) || quick.took != 1800*time.Millisecond || quick.timeout != minTimeout {
		t.Errorf("quick: %+v", quick)
	}
	if !slices.Equal(slow.args, []string{"-run=^(TestB|ExampleD)$"}) || slow.took != 3200*time.Millisecond || slow.timeout != 32*time.Second {
		t.Errorf("slow: %+v", slow)
	}
	if len(suitesFor(parts, "a/b")) != 2 || len(suitesFor(parts, "a")) != 0 {
		t.Error("both depend on a/b only")
	}
}

func TestSplitOfOneKind(t *testing.T) {
	for _, text := range []string{"--- PASS: TestA (0.00s)\n", "--- PASS: TestA (2.00s)\n", ""} {
		parts := (&suite{path: "a"}).split(4*time.Second, text)
		if len(parts) != 1 || parts[0].args != nil || parts[0].timeout != 40*time.Second || parts[0].String() != "a" {
			t.Errorf("%q: have %+v", text, parts)
		}
	}
}
