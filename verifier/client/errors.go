package client

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/problem"
)

// Errors that a *ProblemError is, by its status. Whatever the error, nothing is known:
// it is never a pass.
var (
	ErrWrongUsage      = errors.New("the question is wrong")           // 400, 413, 415: ask another one
	ErrUnauthenticated = errors.New("it is not known who asks")        // 401: another token
	ErrForbidden       = errors.New("the caller may not")              // 403: another role
	ErrNotFound        = errors.New("there is no such thing")          // 404: or it is of a namespace that the caller may not ask about
	ErrConflict        = errors.New("it is not in the state for that") // 409: look at the gate
	ErrUnavailable     = errors.New("there is no answer at present")   // 429, 502, 503, 504: ask again
)

// ProblemError is what the methods of Client return when the server answers with a
// problem (RFC 9457) instead of what was asked for. By its status it is
// one of the errors above, or none.
type ProblemError struct {
	// Status is that of HTTP.
	Status int
	// Title is the status in words.
	Title string
	// Detail says what was expected, what came and what to do; it may be empty.
	Detail string
	// Parameter is the one that is wrong, or empty.
	Parameter string
	// RetryAfter is how long to wait before the same is asked again; 0 when the server
	// says nothing of it.
	RetryAfter time.Duration
}

// Error says what is wrong, and with which parameter.
func (e *ProblemError) Error() string {
	what := e.Detail
	if what == "" {
		what = e.Title
	}
	if e.Parameter != "" {
		what = e.Parameter + ": " + what
	}
	return fmt.Sprintf("%s (status %d)", what, e.Status)
}

// Unwrap is what errors.Is finds.
func (e *ProblemError) Unwrap() error {
	switch e.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return ErrWrongUsage
	case http.StatusUnauthorized:
		return ErrUnauthenticated
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ErrUnavailable
	}
	return nil
}

// problemOf reads a problem; what is none becomes one, with the beginning of
// the text that came.
func problemOf(res *http.Response, data []byte) error {
	var p problem.Problem
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media != problem.ContentType || json.Unmarshal(data, &p) != nil {
		p = problem.Problem{Title: http.StatusText(res.StatusCode), Detail: string(bytes.TrimSpace(data[:min(len(data), 200)]))}
	}
	e := &ProblemError{Status: res.StatusCode, Title: p.Title, Detail: p.Detail, Parameter: p.Parameter}
	if seconds, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
