package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// fate is what became of a mutant.
type fate uint8

const (
	notRun       fate = iota
	killed            // a test failed, or ran for too long
	survived          // all tests passed
	equivalent        // not run: a mark says that no test could tell
	notCompiling      // says nothing of the tests
)

// mutant is a source file with one change: the bytes [from, to) become with.
type mutant struct {
	source   *source
	from, to int
	with     string

	line, column int
	was, now     string // the part that changes, for the reader
	fate         fate
	why          string // it is equivalent, does not compile, or is killed without a failure
}

// nothing is what a reader sees in place of a statement that is left out.
const nothing = "(nothing)"

// text is the whole file with the change.
func (m *mutant) text() []byte {
	return slices.Concat(m.source.text[:m.from], []byte(m.with), m.source.text[m.to:])
}

// place is where the change begins, as file:line:column.
func (m *mutant) place() string {
	return fmt.Sprintf("%s:%d:%d", m.source.name, m.line, m.column)
}

func (m *mutant) String() string { return m.place() + ": " + m.was + " → " + m.now }

// collector gathers the mutants of a file.
type collector struct {
	*source
	all []*mutant
}

// mutants makes all mutants of the file, in its order. Those on a marked line are
// equivalent.
func (s *source) mutants() []*mutant {
	c := &collector{source: s}
	c.conditions()
	c.operators()
	c.statements()
	slices.SortStableFunc(c.all, func(a, b *mutant) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	return c.all
}

// add takes a mutant with the node shown, part of which, [from, to), becomes with.
// The reader sees the node and what it becomes; shown overrides the latter.
func (c *collector) add(node ast.Node, from, to token.Pos, with, shown string) {
	at := c.fset.Position(from)
	m := &mutant{source: c.source, from: at.Offset, to: c.offset(to), with: with, line: at.Line, column: at.Column}
	if shown == "" {
		shown = string(c.text[c.offset(node.Pos()):m.from]) + with + string(c.text[m.to:c.offset(node.End())])
	}
	m.was, m.now = oneLine(c.textOf(node)), oneLine(shown)
	if why, ok := c.marks[m.line]; ok {
		m.fate, m.why = equivalent, why
	}
	c.all = append(c.all, m)
}

// maxShown is how many characters of a change a reader sees.
const maxShown = 100

// oneLine makes a text fit for a line of the report.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxShown {
		text = string(runes[:maxShown-1]) + "…"
	}
	return text
}
