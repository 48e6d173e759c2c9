package main

import (
	"go/ast"
	"go/token"
	"go/types"
)

// twins are the comparisons that differ in what they say of equals.
var twins = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS,
	token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL,
}

// signs are the operators of integers that are turned round.
var signs = map[token.Token]token.Token{token.ADD: token.SUB, token.SUB: token.ADD}

// bounds are the built-in functions of which one becomes the other.
var bounds = map[string]string{"min": "max", "max": "min"}

// operators makes the mutants with another comparison, with + for - of integers,
// and with min for max; and each the other way round.
func (c *collector) operators() {
	ast.Inspect(c.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			with, ok := twins[n.Op]
			if !ok && isInteger(c.typeOf(n.X)) && isInteger(c.typeOf(n.Y)) {
				with, ok = signs[n.Op]
			}
			if ok {
				c.add(n, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), with.String(), "")
			}
		case *ast.CallExpr:
			if with := bounds[c.builtin(n)]; with != "" {
				name := ast.Unparen(n.Fun)
				c.add(n, name.Pos(), name.End(), with, "")
			}
		}
		return true
	})
}

// builtin is the name of the built-in function that is called, if it is one that
// does nothing but have a value; else empty.
func (c *collector) builtin(call *ast.CallExpr) string {
	name, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok {
		return ""
	}
	if _, ok := c.info.Uses[name].(*types.Builtin); !ok {
		return ""
	}
	switch name.Name {
	case "len", "cap", "min", "max":
		return name.Name
	}
	return ""
}

func isInteger(t types.Type) bool {
	basic, ok := t.(*types.Basic)
	return ok && basic.Info()&types.IsInteger != 0
}
