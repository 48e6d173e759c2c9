package main

import (
	"go/ast"
	"go/token"
	"slices"
)

// conditions makes the mutants in which a condition, or an operand of && or ||,
// is always true or always false.
//
// Two are left out. A loop's whole condition never becomes true: that is a loop
// without an end, which every test notices. And an operand does not get the value
// that settles the expression, false for && and true for ||, where the whole has
// that value already and nothing before the operand could have a side effect: it
// would be the same program twice.
func (c *collector) conditions() {
	seen := map[ast.Expr]bool{} // expressions of && and || that had their turn
	ast.Inspect(c.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			c.condition(n.Cond, seen, true, false)
		case *ast.ForStmt:
			if n.Cond != nil {
				c.condition(n.Cond, seen, false)
			}
		case *ast.SwitchStmt:
			if n.Tag != nil {
				break
			}
			for _, clause := range n.Body.List {
				for _, x := range clause.(*ast.CaseClause).List {
					c.condition(x, seen, true, false)
				}
			}
		case *ast.BinaryExpr:
			if isLogical(n) && !seen[n] {
				c.operands(n, seen, false)
			}
		}
		return true
	})
}

// condition makes the mutants of a condition that gets the values.
func (c *collector) condition(x ast.Expr, seen map[ast.Expr]bool, values ...bool) {
	for _, v := range values {
		c.always(x, v)
	}
	c.operands(x, seen, true)
}

// operands makes the mutants of what && and || join in x. settled says that x as a
// whole has had its turn.
func (c *collector) operands(x ast.Expr, seen map[ast.Expr]bool, settled bool) {
	x = ast.Unparen(x)
	if not, ok := x.(*ast.UnaryExpr); ok && not.Op == token.NOT {
		c.operands(not.X, seen, settled)
		return
	}
	whole, ok := x.(*ast.BinaryExpr)
	if !ok || !isLogical(whole) {
		return
	}
	neutral := whole.Op == token.LAND
	effects := false // of the operands so far
	for i, operand := range chain(whole, whole.Op, seen) {
		c.always(operand, neutral)
		if effects || i == 0 && !settled {
			c.always(operand, !neutral)
		}
		c.operands(operand, seen, true)
		effects = effects || c.mayAct(operand)
	}
}

// always makes the mutant in which x has the value. What x reads stays, so that no
// variable and no import is left unused.
func (c *collector) always(x ast.Expr, value bool) {
	with, shown := "(false && ("+c.textOf(x)+"))", "false"
	if value {
		with, shown = "(true || ("+c.textOf(x)+"))", "true"
	}
	c.add(x, x.Pos(), x.End(), with, shown)
}

func isLogical(x *ast.BinaryExpr) bool { return x.Op == token.LAND || x.Op == token.LOR }

// chain is the operands of a && b && c, from left to right.
func chain(x ast.Expr, op token.Token, seen map[ast.Expr]bool) []ast.Expr {
	if b, ok := ast.Unparen(x).(*ast.BinaryExpr); ok && b.Op == op {
		seen[b] = true
		return slices.Concat(chain(b.X, op, seen), chain(b.Y, op, seen))
	}
	return []ast.Expr{x}
}

// mayAct reports whether x calls a function or receives, and so may do more than
// have a value.
func (c *collector) mayAct(x ast.Expr) (may bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			may = may || !c.info.Types[n.Fun].IsType() && c.builtin(n) == ""
		case *ast.UnaryExpr:
			may = may || n.Op == token.ARROW
		}
		return !may
	})
	return may
}
