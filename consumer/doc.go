// Package consumer takes in what Falco sends and appends it to the event log.
//
// It owns the normal form: one correlate.Alert for the same alert, whichever of
// Falco's outputs it came from, and Falco's messages about itself as typed
// events. Its edges stand below it, one each: falcogrpc reads Falco's gRPC
// output, falcohttp receives its HTTP output, replay plays recordings.
//
// It may import correlate and internal packages, never verifier. Nothing is
// kept between an edge and the log, and nothing is dropped: when the log is
// away, Accept blocks, which holds an HTTP sender and stops a gRPC reader, so
// that Falco's own queue holds what comes.
package consumer
