// Package access says who may ask: who a caller is, and whether they may get or
// publish verdicts of a namespace, or of all.
//
// It owns the modes: Open asks nobody, Tokens and Certificates go by an auth file,
// Reviewed asks Kubernetes. Each is a Guard. What an action needs is the same in
// all of them, in the words of Kubernetes: a verb on the resource verdicts of the
// group falcogate.dev, in one namespace or in all.
//
// It knows neither HTTP nor Kubernetes: httpapi brings what a request carries, and
// cmd the Reviewer. It may import verifier, internal/bearer and a YAML parser.
//
// Whatever can't be found out is an error and never a yes, and no error holds a
// token. Everything may be called concurrently.
package access
