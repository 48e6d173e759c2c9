// Package failing has a test that fails on the original.
package failing

// Yes is true.
func Yes() bool { return 1 < 2 }
