package main

import (
	"go/ast"
	"go/token"
)

// statements makes the mutants in which a step is left out: an assignment to what
// lasts (a field, an element or what is pointed at), one with an operator, x++ and
// x--, a call whose result nobody takes, and continue, break and return without a
// value. Of an assignment to several, each is left out in turn.
//
// The step that a for statement does after each turn stays: without it the loop
// has no end.
func (c *collector) statements() {
	ast.Inspect(c.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			c.steps(n.List)
		case *ast.CaseClause:
			c.steps(n.Body)
		case *ast.CommClause:
			c.steps(n.Body)
		case *ast.LabeledStmt:
			c.step(n.Stmt)
		case *ast.IfStmt:
			c.initial(n.Init)
		case *ast.SwitchStmt:
			c.initial(n.Init)
		case *ast.TypeSwitchStmt:
			c.initial(n.Init)
		}
		return true
	})
}

func (c *collector) steps(list []ast.Stmt) {
	for _, s := range list {
		c.step(s)
	}
}

// step leaves s out where a block may stand in its place, in which it is never
// reached: so what it reads stays in use.
func (c *collector) step(s ast.Stmt) {
	if matters(s) {
		c.add(s, s.Pos(), s.End(), "if false { "+c.textOf(s)+" }", nothing)
	}
	c.targets(s)
}

// initial leaves s out of the head of an if or a switch.
func (c *collector) initial(s ast.Stmt) {
	if s == nil {
		return
	}
	if matters(s) {
		c.add(s, s.Pos(), s.End(), "", nothing)
	}
	c.targets(s)
}

// targets leaves out each target of an assignment to several.
func (c *collector) targets(s ast.Stmt) {
	assign, ok := s.(*ast.AssignStmt)
	if !ok || assign.Tok != token.ASSIGN || len(assign.Lhs) == 1 {
		return
	}
	for _, x := range assign.Lhs {
		if lasts(x) {
			c.add(s, x.Pos(), x.End(), "_", "")
		}
	}
}

// matters reports whether s is one of the statements that are left out whole.
func matters(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		switch s.Tok {
		case token.ASSIGN:
			return len(s.Lhs) == 1 && lasts(s.Lhs[0])
		case token.DEFINE:
			return false
		}
		return true // an operator and =
	case *ast.IncDecStmt:
		return true
	case *ast.ExprStmt:
		_, ok := ast.Unparen(s.X).(*ast.CallExpr)
		return ok
	case *ast.BranchStmt:
		return s.Tok == token.CONTINUE || s.Tok == token.BREAK
	case *ast.ReturnStmt:
		return len(s.Results) == 0
	}
	return false
}

// lasts reports whether an assignment to x is seen beyond the function's own
// variables.
func lasts(x ast.Expr) bool {
	switch ast.Unparen(x).(type) {
	case *ast.SelectorExpr, *ast.IndexExpr, *ast.StarExpr:
		return true
	}
	return false
}
