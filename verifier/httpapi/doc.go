// Package httpapi is the verifier's HTTP interface: verdicts, alerts and
// sensors as JSON, health, readiness and metrics. Its Client is the other end
// of the same interface.
//
// It owns the listener, the names and the reading of parameters, and the codes
// of answers. A fail or an inconclusive is an answer and has status 200; a
// problem (RFC 9457) says that there is no answer. What is asked and decided is
// verifier's.
//
// A parameter that is unknown, repeated or empty is a problem that names it: a
// typo must not widen a gate.
//
// It may import verifier, correlate and internal/problem. The caller starts a
// Server, and shuts it down.
package httpapi
