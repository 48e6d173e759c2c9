// Package documents holds what docs/clients shows against what tests have run: the
// configuration against the examples, and the output against that of a run.
//
// It imports the daemon package, to find the documents. Its caller is a test; go test
// -update rewrites the output.
package documents
