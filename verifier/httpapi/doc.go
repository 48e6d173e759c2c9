// Package httpapi is the verifier's HTTP interface: verdicts, alerts and
// sensors as JSON, health, readiness and metrics. verifier/client is the other
// end of the same interface.
//
// It owns the listener, the reading of parameters, what each route
// needs of a caller, and the codes of answers. A fail or an inconclusive is an answer and has status 200; a
// problem (RFC 9457) says that there is no answer. What is asked and decided is
// verifier's.
//
// A parameter that is unknown, repeated or empty is a problem that names it: a
// typo must not widen a gate.
//
// Each route asks the access.Guard that it was given before it asks the service, and
// an answer about one namespace holds nothing of others. A route that is new says in
// Server.table what it needs, and the tests' matrix what each caller gets.
//
// It may import verifier, verifier/access, verifier/attest, correlate,
// internal/parameter, internal/problem, internal/bearer and internal/listen. The caller starts a Server, and shuts it down.
package httpapi
