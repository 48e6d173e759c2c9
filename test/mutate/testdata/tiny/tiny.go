// Package tiny is what the end-to-end test makes mutants of.
package tiny

// table has a size that cannot shrink: that would not compile.
var table [4 + 1]int

// size is such that only the test's own file does not compile without it.
const size = 4 + 1

// Held has its boundary in a test.
func Held(n int) bool { return n < 10 }

// Loose has no test at its boundary.
func Loose(n int) bool { return n < 10 }

// Last has a line that is marked.
func Last() int { return table[4] }

// Clamp is n, or 0 when that is more.
func Clamp(n int) int {
	if n < 0 { // mutate: equivalent, 0 is 0 either way
		return 0
	}
	return n
}

// Next comes after n.
func Next(n int) int { return n + 1 }
