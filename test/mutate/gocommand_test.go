package main

import "testing"

func TestFateOf(t *testing.T) {
	tests := []struct {
		name   string
		passed bool
		output string
		want   fate
	}{
		{"passed", true, "ok  \ta/b\t0.1s\n", survived},
		{"failed", false, "--- FAIL: TestA (0.00s)\nFAIL\nFAIL\ta/b\t0.1s\nFAIL\n", killed},
		{"ran too long", false, "panic: test timed out after 1s\nFAIL\ta/b\t1.1s\nFAIL\n", killed},
		{"killed", false, "signal: killed\nFAIL\ta/b\t1.1s\nFAIL\n", killed},
		{"does not compile", false, "# a/b [a/b.test]\nb/b.go:3:1: no\nFAIL\ta/b [build failed]\nFAIL\n", notCompiling},
		{"does not parse", false, "FAIL\ta/b [setup failed]\nFAIL\n", notCompiling},
		{"go command fails", false, "go: no such tool\n", notRun},
		{"prints FAIL only", false, "FAIL\n", notRun},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if have := fateOf(tt.passed, tt.output); have != tt.want {
				t.Errorf("have %d, want %d", have, tt.want)
			}
		})
	}
}

func TestCompilerError(t *testing.T) {
	const failed = "# a/b [a/b.test]\n/home/a.b/b.go:31:2: index 4 out of bounds [0:3]\nb/c.go:1:2: more\nFAIL\ta/b [build failed]\n"
	if have := compilerError(failed); have != "index 4 out of bounds [0:3]" {
		t.Errorf("have %q", have)
	}
	if have := compilerError("no idea"); have != "the build failed" {
		t.Errorf("have %q", have)
	}
}

func TestHung(t *testing.T) {
	if have := hung("panic: test timed out after 1s\n\trunning tests:\n"); have != "out of time" {
		t.Errorf("have %q", have)
	}
	if have := hung("--- FAIL: TestA (0.00s)\n"); have != "" {
		t.Errorf("have %q", have)
	}
}
