package eventlog

import (
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// item is one message of a feed: a record, or, with position zero, something that
// the server says about the consumer.
type item struct {
	position uint64
	logged   time.Time
	subject  string
	header   nats.Header
	data     []byte

	sequence uint64 // in the consumer's own count; of a heartbeat, the last one sent
	reply    string // where flow control wants an answer
	lost     bool   // the consumer is gone
}

// itemOf reads a message as a push consumer delivers it.
func itemOf(m *nats.Msg) item {
	if position, sequence, logged, ok := parseAckReply(m.Reply); ok {
		return item{position: position, sequence: sequence, logged: logged, subject: m.Subject, header: m.Header, data: m.Data}
	}
	switch m.Header.Get("Status") {
	case "100":
		if m.Reply != "" { // flow control
			return item{reply: m.Reply}
		}
		// A heartbeat, and in it flow control whose answer got lost. Without a
		// number, last is zero and says nothing.
		last, _ := strconv.ParseUint(m.Header.Get("Nats-Last-Consumer"), 10, 64)
		return item{sequence: last, reply: m.Header.Get("Nats-Consumer-Stalled")}
	case "409":
		// Deleted, or its leader changed: in both cases a new one is safe.
		return item{lost: true}
	}
	return item{}
}

// parseAckReply reads what JetStream says about a message in its reply subject:
//
//	$JS.ACK.<stream>.<consumer>.<delivered>.<position>.<sequence>.<time>.<pending>
//
// or the longer form with a domain and an account hash before the stream.
func parseAckReply(reply string) (position, sequence uint64, logged time.Time, ok bool) {
	rest, ok := strings.CutPrefix(reply, "$JS.ACK.")
	if !ok {
		return 0, 0, time.Time{}, false
	}
	skip := 3
	if n := strings.Count(rest, "."); n >= 8 {
		skip = 5
	} else if n != 6 {
		return 0, 0, time.Time{}, false
	}
	for range skip {
		_, rest, _ = strings.Cut(rest, ".")
	}
	number := func() uint64 {
		var token string
		token, rest, _ = strings.Cut(rest, ".")
		n, err := strconv.ParseUint(token, 10, 64)
		ok = ok && err == nil
		return n
	}
	position, sequence = number(), number()
	nanos := number()
	return position, sequence, time.Unix(0, int64(nanos)).UTC(), ok && position > 0
}
