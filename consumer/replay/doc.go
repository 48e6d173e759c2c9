// Package replay reads recordings of a Falco's output and plays them as Falco
// would have sent them.
//
// It owns what a recording looks like (JSON lines as Falco writes them, gRPC and
// HTTP recordings, text lines), the moving of all times of a message by one
// distance (Shift), another name for its sensor (Rename), and a replay's timing and
// its division between two readers of one output (Play). It knows no protocol: a
// Sink sends, and the caller brings one, made of falcogrpc.Server or
// falcohttp.Poster.
//
// It imports the standard library and jsontext only. A caller opens a
// Recording, hands it to Play with a Sink, and closes it.
package replay
