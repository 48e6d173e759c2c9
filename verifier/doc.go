// Package verifier answers the question that falcogate is for: since T, did
// Falco see anything in this namespace at severity S or above?
//
// It owns the tail, which is the one loop that feeds correlate.State from the
// event log, and the service that evaluates questions on that state, holds answers
// that are pending, publishes verdicts and explains them. A verdict is a pure
// function of a question and a state (judge.go). One alert is enough to fail; only proof is enough to
// pass; everything else is inconclusive and says why.
//
// It may import correlate and internal packages other than the event log's,
// never consumer. It declares the log that it needs as an interface; cmd wires
// it. HTTP lives in httpapi below it, requests over NATS in natsapi, signatures in attest,
// who may ask in access.
//
// The caller runs Tail.Run in one goroutine and stops the process when that
// returns an error: the index can't go on, and a restart builds it anew.
// Everything else may be called concurrently, also before Run has begun: until
// the index has reached the end of the log, no answer is a pass.
package verifier
