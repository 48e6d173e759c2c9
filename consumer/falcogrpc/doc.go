// Package falcogrpc reads Falco's gRPC output (Falco up to 0.43), and plays
// Falco's side of it for replays and tests.
//
// It owns the gRPC connection to a Falco (Reader), the decoding of its messages
// (Decode), and a server with the same services and semantics (Server). It is
// the project's only importer of gRPC and of Falco's client-go. It may import
// consumer and correlate.
//
// A caller makes one Reader per Falco and runs it until its context ends, or a
// Fleet, which does so for Falcos that come and go. Falco gives each alert to
// exactly one subscriber: a second one on the same Falco, such as an exporter,
// silently takes its share, and what is in flight when a connection ends is lost.
// So nothing here holds a message back between the stream and the log, and a Reader
// that stops first takes what is on its way.
package falcogrpc
