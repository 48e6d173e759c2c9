// Package falcohttp speaks Falco's HTTP output, which every version of Falco
// has.
//
// It owns the ingest listener (Server), and Falco's side of it for replays
// (Poster). It imports consumer, internal/problem, internal/listen, internal/bearer
// and net/http; it decides who may send, and nothing about what an alert says.
//
// Falco sends one POST per alert, never looks at the status, and does not send
// again what failed. So a Server answers 200 only once the event log has
// acknowledged the alert, holds the request for as long as the log is away, and
// never answers with an error to shed load.
//
// A caller makes a Server with NewServer, calls Start, and ends with Shutdown.
// It must keep the Intake and its log working until Shutdown has returned.
package falcohttp
