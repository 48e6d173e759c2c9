// Package untested has no test.
package untested
