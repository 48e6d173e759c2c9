package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestMarks(t *testing.T) {
	s := sourceOf(t, `package a

func f(i, j int) int {
	if i < j { // mutate: equivalent, equals are the same
		return i
	}
	return j + 1
}
`)
	all := s.mutants()
	for _, m := range all {
		want, why := notRun, ""
		if m.line == 4 {
			want, why = equivalent, "equals are the same"
		}
		if m.fate != want || m.why != why {
			t.Errorf("%s: fate %d because of %q, want %d because of %q", m, m.fate, m.why, want, why)
		}
	}
	if len(all) != 4 {
		t.Errorf("have %d mutants, want 3 of the line that is marked and 1 of another", len(all))
	}
	if err := s.unusedMark(all); err != nil {
		t.Error(err)
	}
}

func TestMarkWithoutMutant(t *testing.T) {
	s := sourceOf(t, "package a\n\nvar a = 1 // mutate: equivalent, a number is a number\n")
	if err := s.unusedMark(s.mutants()); err == nil || !strings.Contains(err.Error(), "a.go:3: no mutant begins on this line") {
		t.Errorf("have %v", err)
	}
}

func TestMarkThatIsNone(t *testing.T) {
	for _, comment := range []string{"mutate: equivalent", "mutate: equivalent,", "mutate: equivalent, ", "mutate: equal, no", "mutate:"} {
		s := &source{name: "a.go", fset: token.NewFileSet()}
		var err error
		if s.syntax, err = parser.ParseFile(s.fset, "a.go", "package a // "+comment+"\n", parser.ParseComments); err != nil {
			t.Fatal(err)
		}
		if err := s.readMarks(); err == nil || !strings.HasPrefix(err.Error(), "a.go:1: ") {
			t.Errorf("%q: have %v", comment, err)
		}
	}
}

func TestMutantString(t *testing.T) {
	s := sourceOf(t, "package a\n\nfunc f(i int, p bool) {\n\tif p &&\n\t\ti < 2 {\n\t\ti++\n\t}\n}\n")
	var have []string
	for _, m := range s.mutants() {
		have = append(have, m.String())
	}
	want := `a.go:4:5: p && i < 2 → true
a.go:4:5: p && i < 2 → false
a.go:4:5: p → true
a.go:5:3: i < 2 → true
a.go:5:5: i < 2 → i <= 2
a.go:6:3: i++ → (nothing)`
	if strings.Join(have, "\n") != want {
		t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), want)
	}
}

func TestOneLine(t *testing.T) {
	if have := oneLine("a\n\t\tb " + strings.Repeat("é", 200)); len([]rune(have)) != maxShown || !strings.HasPrefix(have, "a b é") || !strings.HasSuffix(have, "é…") {
		t.Errorf("have %q", have)
	}
}
