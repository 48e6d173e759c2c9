// Package reviews tests internal/kube's Reviewer against a real API server, with
// tokens of service accounts and the rights that RBAC gives them.
package reviews
