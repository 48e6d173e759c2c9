// Package client asks a falcogate over its HTTP interface (docs/api.md): for verdicts,
// alerts, sensors, gates and attestations. falcogate's own command line uses it.
//
//	c, err := client.New("https://falcogate.falcogate:8080", nil)
//	v, err := c.Verdict(ctx, client.Query{Namespace: "shop", Since: "10m", Wait: 30 * time.Second}, false)
//	if err != nil || !v.Passed {
//		// Not a pass: v.Reason and v.Message say why, or err does.
//	}
//
// Nothing but a verdict whose Passed is true is a pass. An error means that nothing is
// known, whatever the error: errors.Is tells by ErrForbidden, ErrUnavailable and so on
// what can be done about it, and errors.As finds a *ProblemError with the server's own
// words. No method asks again by itself.
//
// Parameters are text, as a user gives them, and are read by the server, whose clock
// counts: times are RFC 3339, Unix time, or how long ago ("10m", "2d"). Answers are
// verifier's types.
//
// A Client may be used concurrently. TLS, proxies, client certificates and timeouts are
// those of the http.Client that New is given. The timeout must be longer than Query.Wait.
// Whoever gave a transport closes its idle connections.
//
// The package may import verifier, for its types, internal/parameter and
// internal/problem, and nothing that serves.
package client
