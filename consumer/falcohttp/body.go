package falcohttp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// keptBuffer is the largest buffer that is kept for the next request, and the
// first size of one: a client that announces more has to send it first.
const keptBuffer = 64 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func release(buf *[]byte) {
	if cap(*buf) <= keptBuffer {
		buffers.Put(buf)
	}
}

// read reads the body into buf, within bodyTimeout after start. When it can't be taken the refusal says why,
// and the bytes are its beginning, or none. The connection ends then, as the
// rest of the body may still be on its way.
func (s *Server) read(w http.ResponseWriter, r *http.Request, buf *[]byte, start time.Time) ([]byte, *refusal) {
	// What http.ResponseController would find, without making one; a test's
	// recorder has no connection.
	conn, hasConn := w.(interface{ SetReadDeadline(time.Time) error })
	if hasConn {
		if err := conn.SetReadDeadline(start.Add(s.bodyTime)); err != nil {
			return nil, &refusal{http.StatusBadRequest, consumer.Malformedf(consumer.ClassOther, "", "body: %v", err)}
		}
	}
	body, why := s.readAll(r, buf)
	switch {
	case why != nil:
		// The deadline stays: it also bounds how long net/http reads on.
		w.Header().Set("Connection", "close")
	case hasConn:
		// No deadline while the log is waited for: net/http would take its end
		// for the sender's.
		_ = conn.SetReadDeadline(time.Time{})
	}
	return body, why
}

func (s *Server) readAll(r *http.Request, buf *[]byte) ([]byte, *refusal) {
	limit, encoding := s.bodyLimit, r.Header.Get("Content-Encoding")
	var why *refusal
	switch {
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		why = &refusal{http.StatusUnsupportedMediaType, consumer.Malformedf(consumer.ClassOther, "",
			"want a body without Content-Encoding, as Falco sends it, have %.40q", encoding)}
	case r.ContentLength > s.bodyLimit:
		why = s.tooLarge(fmt.Sprintf("%d", r.ContentLength))
	}
	if why != nil {
		if r.Header.Get("Expect") != "" {
			// Reading would ask the client to send the body after all.
			return nil, why
		}
		limit = correlate.MalformedRawBytes
	}
	body, err := readUpTo(limit, r, buf)
	switch {
	case why != nil:
		return body, why
	case err == nil && int64(len(body)) > limit:
		return body[:limit], s.tooLarge("more")
	case err == nil:
		return body, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return body, &refusal{http.StatusRequestTimeout, consumer.Malformedf(consumer.ClassOther, "",
			"want the whole body within %s, have %d bytes", s.bodyTime, len(body))}
	}
	return body, &refusal{http.StatusBadRequest, consumer.Malformedf(consumer.ClassSyntax, "",
		"want the whole body, have %d bytes and then: %v", len(body), err)}
}

func (s *Server) tooLarge(have string) *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, consumer.Malformedf(consumer.ClassTooLarge, "",
		"want a body of at most %d bytes, have %s", s.bodyLimit, have)}
}

// readUpTo reads the body to its end, or until there is more than limit.
func readUpTo(limit int64, r *http.Request, buf *[]byte) ([]byte, error) {
	b := (*buf)[:0]
	if n := min(r.ContentLength, limit, keptBuffer); n > int64(cap(b)) {
		b = make([]byte, 0, n)
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		*buf = b
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil || int64(len(b)) > limit:
			return b, err
		}
	}
}
