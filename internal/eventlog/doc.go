// Package eventlog is the project's one edge to NATS JetStream: it keeps the
// event log and publishes verdicts.
//
// It owns the connection, the embedded server when there is one, the two
// streams and their subjects, and the wire form of a record (docs/record.proto).
// It imports correlate, and nothing else of the project; nobody else imports
// nats.go or nats-server.
//
// The caller opens one Log per process, closes it last, and is told nothing
// about NATS: records go in through Append or a Lane, come out through Tail and
// Read, and are named by their position.
//
// An outage of the log is no error. Everything that writes waits and tries
// again until its context ends, so the caller must bound what it wants bounded.
package eventlog
