// Package pipelines runs the examples for GitLab, GitHub and Tekton against a real
// falcogate, for each verdict and for a server that is away, and holds the output that
// docs/clients shows against that of the run.
//
// What a delivery system does with an example is done by its own code where that is a
// library: Tekton validates, substitutes and reads results, actionlint judges a workflow.
// It owns nothing that users run. go test -update rewrites the output in the documents.
package pipelines
