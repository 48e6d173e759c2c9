package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// sourceOf reads a file that imports nothing.
func sourceOf(t *testing.T, text string) *source {
	t.Helper()
	s := &source{name: "a.go", text: []byte(text), fset: token.NewFileSet(), info: newInfo()}
	var err error
	if s.syntax, err = parser.ParseFile(s.fset, "a.go", text, parser.ParseComments); err != nil {
		t.Fatal(err)
	}
	config := types.Config{}
	if _, err := config.Check("a", s.fset, []*ast.File{s.syntax}, s.info); err != nil {
		t.Fatal(err)
	}
	if err := s.readMarks(); err != nil {
		t.Fatal(err)
	}
	return s
}

// frame is what stands around the statements of a case.
const frame = `package a

type T struct{ a, b int; s *T }

func (T) m() bool { return true }
func act() bool   { return true }

var p, q, r bool
var i, j int
var f, g float64
var s, u string
var t, w T
var list []int
var ch chan bool

func body() {
	BODY
}
`

func TestMutants(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
	}{
		{"if", "if p { act() }", []string{
			"if (true || (p)) { act() }", "if (false && (p)) { act() }", "if p { if false { act() } }",
		}},
		{"if with a beginning", "if x := i; x > 1 { _ = x }", []string{
			"if x := i; (true || (x > 1)) { _ = x }", "if x := i; (false && (x > 1)) { _ = x }", "if x := i; x >= 1 { _ = x }",
		}},
		{"else if", "if p { } else if q { }", []string{
			"if (true || (p)) { } else if q { }", "if (false && (p)) { } else if q { }",
			"if p { } else if (true || (q)) { }", "if p { } else if (false && (q)) { }",
		}},
		{"and: an operand's false is the whole's", "if p && q { }", []string{
			"if (true || (p && q)) { }", "if (false && (p && q)) { }",
			"if (true || (p)) && q { }", "if p && (true || (q)) { }",
		}},
		{"or: an operand's true is the whole's", "if p || q || r { }", []string{
			"if (true || (p || q || r)) { }", "if (false && (p || q || r)) { }",
			"if (false && (p)) || q || r { }", "if p || (false && (q)) || r { }", "if p || q || (false && (r)) { }",
		}},
		{"and after a call", "_ = act() && p", []string{
			"_ = (true || (act())) && p", "_ = (false && (act())) && p",
			"_ = act() && (true || (p))", "_ = act() && (false && (p))",
		}},
		{"and after what is received", "_ = <-ch && p", []string{
			"_ = (true || (<-ch)) && p", "_ = (false && (<-ch)) && p",
			"_ = <-ch && (true || (p))", "_ = <-ch && (false && (p))",
		}},
		{"and after a call that only has a value", "_ = bool(p) && q", []string{
			"_ = (true || (bool(p))) && q", "_ = (false && (bool(p))) && q", "_ = bool(p) && (true || (q))",
		}},
		{"or within and", "_ = p && (q || r)", []string{
			"_ = (true || (p)) && (q || r)", "_ = (false && (p)) && (q || r)",
			"_ = p && (true || ((q || r)))", "_ = p && ((false && (q)) || r)", "_ = p && (q || (false && (r)))",
		}},
		{"and within not", "if !(p && q) { }", []string{
			"if (true || (!(p && q))) { }", "if (false && (!(p && q))) { }",
			"if !((true || (p)) && q) { }", "if !(p && (true || (q))) { }",
		}},
		{"for", "for p { break }", []string{"for (false && (p)) { break }", "for p { if false { break } }"}},
		{"for of three parts", "for k := 0; k < 2; k++ { }", []string{
			"for k := 0; (false && (k < 2)); k++ { }", "for k := 0; k <= 2; k++ { }",
		}},
		{"for of two conditions", "for p || q { }", []string{
			"for (false && (p || q)) { }", "for (false && (p)) || q { }", "for p || (false && (q)) { }",
		}},
		{"for without a condition", "for { return }", []string{"for { if false { return } }"}},
		{"switch without a tag", "switch { case p, q: default: }", []string{
			"switch { case (true || (p)), q: default: }", "switch { case (false && (p)), q: default: }",
			"switch { case p, (true || (q)): default: }", "switch { case p, (false && (q)): default: }",
		}},
		{"switch with a tag", "switch i { case 1: i++ }", []string{"switch i { case 1: if false { i++ } }"}},
		{"comparisons", "_, _, _ = i < j, i <= j, s > u", []string{
			"_, _, _ = i <= j, i <= j, s > u", "_, _, _ = i < j, i < j, s > u", "_, _, _ = i < j, i <= j, s >= u",
		}},
		{"more comparisons", "_, _, _ = f >= g, t.s == nil, t.s != nil", []string{
			"_, _, _ = f > g, t.s == nil, t.s != nil", "_, _, _ = f >= g, t.s != nil, t.s != nil", "_, _, _ = f >= g, t.s == nil, t.s == nil",
		}},
		{"integers", "_ = i + j - 1", []string{"_ = i - j - 1", "_ = i + j + 1"}},
		{"no integers", `_, _, _ = s + u, s + "a", f + g`, nil},
		{"min and max", "_ = min(i, max(j, 1))", []string{"_ = max(i, max(j, 1))", "_ = min(i, min(j, 1))"}},
		{"min of somebody else", "min := func(int) int { return 0 }; _ = min(i)", nil},
		{"assignments", "t.a = 1; t = w; list[0] = 1; *t.s = w; x := 1; _ = x", []string{
			"if false { t.a = 1 }; t = w; list[0] = 1; *t.s = w; x := 1; _ = x",
			"t.a = 1; t = w; if false { list[0] = 1 }; *t.s = w; x := 1; _ = x",
			"t.a = 1; t = w; list[0] = 1; if false { *t.s = w }; x := 1; _ = x",
		}},
		{"assignment to several", "t.a, i, t.b = 1, 2, 3", []string{"_, i, t.b = 1, 2, 3", "t.a, i, _ = 1, 2, 3"}},
		{"assignment with an operator", "i += 2; i |= 1; i--", []string{
			"if false { i += 2 }; i |= 1; i--", "i += 2; if false { i |= 1 }; i--", "i += 2; i |= 1; if false { i-- }",
		}},
		{"step at the beginning of an if", "if t.a++; p { }", []string{
			"if ; p { }", "if t.a++; (true || (p)) { }", "if t.a++; (false && (p)) { }",
		}},
		{"steps in a select", "select { case <-ch: t.m(); default: t.m() }", []string{
			"select { case <-ch: if false { t.m() }; default: t.m() }", "select { case <-ch: t.m(); default: if false { t.m() } }",
		}},
		{"labels", "over: for { t.m(); continue over }", []string{
			"over: for { if false { t.m() }; continue over }", "over: for { t.m(); if false { continue over } }",
		}},
		{"what is deferred stays", "defer act()", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, after, _ := strings.Cut(frame, "BODY")
			s := sourceOf(t, before+tt.body+after)
			var have []string
			for _, m := range s.mutants() {
				text := string(m.text())
				if _, err := parser.ParseFile(token.NewFileSet(), "a.go", text, parser.SkipObjectResolution); err != nil {
					t.Errorf("%s: %v", m, err)
				}
				have = append(have, strings.TrimSuffix(strings.TrimPrefix(text, before), after))
			}
			if !slices.Equal(have, tt.want) {
				t.Errorf("have\n\t%s\nwant\n\t%s", strings.Join(have, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}
