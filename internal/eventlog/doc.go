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
// Read, and are named by their position. A Lane has the methods of
// consumer.Lane, but NewLane returns this package's type: the caller adapts it.
//
// An outage of the log is no error. What writes or reads waits and tries again
// until its context ends, so the caller must bound what it wants bounded. What
// was acknowledged is stored; what was not may be stored all the same. The server
// knows the ids of the last two minutes: a record whose acknowledgement got lost
// and that is sent again after a longer outage is stored twice, with the same ID.
// Whoever reads the log must not count it twice.
package eventlog
