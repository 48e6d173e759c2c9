// Package problem writes errors of HTTP interfaces as RFC 9457
// application/problem+json. Both listeners use it, and nothing else belongs
// here.
package problem

import (
	"encoding/json"
	"net/http"
)

// ContentType is the media type of a problem.
const ContentType = "application/problem+json"

// Problem is an RFC 9457 problem. Parameter, when set, names the query
// parameter or body field that is wrong.
type Problem struct {
	Type      string `json:"type"` // "about:blank" unless set
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Parameter string `json:"parameter,omitempty"`
}

// Write answers with a problem of the given status. Detail says what was
// expected, what came, and what to do about it; it must hold no secret.
func Write(w http.ResponseWriter, status int, detail string) {
	WriteProblem(w, Problem{Status: status, Detail: detail})
}

// WriteProblem answers with p, filling in Type and Title where they are empty.
func WriteProblem(w http.ResponseWriter, p Problem) {
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	w.WriteHeader(p.Status)
	// The status is sent; a client that is gone by now needs no answer.
	_ = json.NewEncoder(w).Encode(p)
}
