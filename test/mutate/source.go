package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"
)

// source is a file of which mutants are made.
type source struct {
	name   string // as the command line has it
	path   string
	pkg    string // the import path of its package
	text   []byte
	fset   *token.FileSet
	syntax *ast.File
	info   *types.Info
	// marks are the reasons of the lines whose mutants no test could tell from
	// the original.
	marks map[int]string
}

// markBegin is how a mark begins; what begins so and is none is an error, lest a
// slip of the pen is taken for an ordinary comment.
const markBegin = "mutate:"

var mark = regexp.MustCompile(`^mutate: equivalent, (\S.*)$`)

// readMarks collects the marks of the file's comments.
func (s *source) readMarks() error {
	s.marks = map[int]string{}
	for _, group := range s.syntax.Comments {
		for _, comment := range group.List {
			text := strings.TrimSpace(strings.TrimPrefix(comment.Text, "//"))
			if !strings.HasPrefix(text, markBegin) {
				continue
			}
			at := s.fset.Position(comment.Pos()).Line
			found := mark.FindStringSubmatch(text)
			if found == nil {
				return fmt.Errorf("%s:%d: %q: want %q", s.name, at, text, markBegin+" equivalent, REASON")
			}
			s.marks[at] = found[1]
		}
	}
	return nil
}

// unusedMark returns an error when a mark stands where there is no mutant: what it
// was about is gone, or it stands on the wrong line.
func (s *source) unusedMark(all []*mutant) error {
	used := map[int]bool{}
	for _, m := range all {
		used[m.line] = true
	}
	for line, reason := range s.marks {
		if !used[line] {
			return fmt.Errorf("%s:%d: no mutant begins on this line, so take its mark away: %q", s.name, line, reason)
		}
	}
	return nil
}

// offset is where in the text a position is.
func (s *source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

// textOf is what a node reads.
func (s *source) textOf(n ast.Node) string {
	return string(s.text[s.offset(n.Pos()):s.offset(n.End())])
}

// typeOf is the type below the names of an expression's type; nil when it is not
// known.
func (s *source) typeOf(x ast.Expr) types.Type {
	if t := s.info.TypeOf(x); t != nil {
		return t.Underlying()
	}
	return nil
}
