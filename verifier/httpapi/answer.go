package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/attest"
)

// created is an answer about what the request has made.
type created struct {
	location string
	what     any
}

// answer writes v as JSON.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, v any) {
	status := http.StatusOK
	if c, ok := v.(created); ok {
		w.Header().Set("Location", c.location)
		status, v = http.StatusCreated, c.what
	}
	kind := "application/json"
	data, whole := v.(envelope)
	if whole {
		kind = attest.EnvelopeMediaType
	} else {
		var err error
		if data, err = json.Marshal(v, verifier.JSONOptions); err != nil {
			s.refuse(w, r, nil, fmt.Errorf("encoding the answer: %w", err))
			return
		}
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	// An answer is about one moment; one from a cache would be about another.
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // a client that is gone needs no answer
}

// refuse answers with a problem. P are the parameters as far as they were read,
// to call a wrong one by the name that it came under.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p params, err error) {
	if s.refuseCaller(w, r, err) || s.refuseGate(w, r, err) || refuseAttestation(w, err) {
		return
	}
	var field *verifier.FieldError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &field):
		problem.WriteProblem(w, problem.Problem{
			Status: http.StatusBadRequest, Detail: field.Detail, Parameter: p.given(field.Field),
		})
	case errors.As(err, &tooLarge):
		problem.Write(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit))
	case errors.Is(err, errMediaType):
		problem.Write(w, http.StatusUnsupportedMediaType, err.Error())
	case errors.Is(err, verifier.ErrNotPublished):
		s.logger.WarnContext(r.Context(), "verdict was not published", "error", err)
		w.Header().Set("Retry-After", "2")
		problem.Write(w, http.StatusServiceUnavailable,
			"the verdict could not be stored in time, so there is none: ask again; if it stays so, see the log of falcogate")
	case errors.Is(err, verifier.ErrNoVerdict):
		problem.Write(w, http.StatusNotFound, err.Error()+", or it is of a namespace that you may not ask about")
	case errors.Is(err, verifier.ErrBusy):
		w.Header().Set("Retry-After", "5")
		problem.Write(w, http.StatusServiceUnavailable, err.Error())
	default:
		s.logger.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("path", r.URL.Path), slog.Any("error", err))
		problem.Write(w, http.StatusInternalServerError, "a defect: see the log of falcogate, and please report it")
	}
}

// notFound answers for paths that there are not.
func notFound(w http.ResponseWriter, r *http.Request) {
	problem.Write(w, http.StatusNotFound, fmt.Sprintf(
		"there is no %.80q: want /v1/verdict, /v1/verdicts, /v1/verdicts/{id}/explanation, /v1/verdicts/{id}/attestation, /v1/gates, /v1/flagger/{gate,rollback,event}, /v1/alerts, /v1/sensors, /v1/diagnosis, /openapi.json, /healthz, /readyz or /metrics", r.URL.Path))
}

// noVerifier answers for the API where only the consumer runs, or only metrics are
// served.
func noVerifier(w http.ResponseWriter, _ *http.Request) {
	problem.Write(w, http.StatusNotFound, "no questions are answered at this address: ask a falcogate that runs the verifier, at its --listen")
}

// methodNotAllowed answers for other methods than those that a path has.
func methodNotAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		problem.Write(w, http.StatusMethodNotAllowed, fmt.Sprintf("%.20q is not a method of %s: want %s", r.Method, r.URL.Path, allow))
	}
}
