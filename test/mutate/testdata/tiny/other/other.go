// Package other has tests, but does not import tiny.
package other
