package httpapi

import (
	_ "embed" // the description
	"net/http"
)

// description describes this interface to programs, as OpenAPI 3.1. The package's tests
// hold it against the handlers: no route, parameter, status or member of an answer is in
// one and not in the other.
//
//go:embed openapi.json
var description []byte

// getDescription answers with the description.
func (s *Server) getDescription(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache") // of another version after an upgrade
	_, _ = w.Write(description)        // a client that is gone needs no answer
}
