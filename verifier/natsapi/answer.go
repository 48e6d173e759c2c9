package natsapi

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// answer is the HTTP interface's answer while it is written. It implements
// http.ResponseWriter, and the deadlines that the interface sets, which bound what is
// written to a peer: here is none that could hold it up.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}} }

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(data)
}

// SetReadDeadline and SetWriteDeadline are what http.ResponseController calls.
func (a *answer) SetReadDeadline(time.Time) error  { return nil }
func (a *answer) SetWriteDeadline(time.Time) error { return nil } // see SetReadDeadline

// StatusHeader has the HTTP status of an answer, such as 201 for a gate that was not
// open before.
const StatusHeader = "Falcogate-Status"

// passedOn are the HTTP headers of an answer that its message has too.
var passedOn = []string{"Content-Type", "Retry-After", "WWW-Authenticate"}

// respond sends the answer. A problem is the body of an error whose code is its status.
func (a *answer) respond(req micro.Request) error {
	a.WriteHeader(http.StatusOK)
	header := nats.Header{StatusHeader: {strconv.Itoa(a.status)}}
	for _, name := range passedOn {
		if values := a.header.Values(name); len(values) > 0 {
			header[name] = values
		}
	}
	if a.status >= http.StatusMultipleChoices {
		// What req.Error does, which writes to what the library reads when the handler is
		// done: it has returned long before this.
		header[micro.ErrorCodeHeader], header[micro.ErrorHeader] = []string{strconv.Itoa(a.status)}, []string{http.StatusText(a.status)}
	}
	return req.Respond(a.body.Bytes(), micro.WithHeaders(micro.Headers(header)))
}
