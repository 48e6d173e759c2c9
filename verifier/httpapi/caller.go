package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/falcogate/falcogate/internal/bearer"
	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
)

// unavailableWarnings is how often the log is told at most that callers can't be
// reviewed.
const unavailableWarnings = 10 * time.Second

// request is what a route is asked, and by whom.
type request struct {
	params
	caller access.Caller
}

// forbiddenError says that a caller may not do something. The message names what
// they asked for themselves and nothing else.
type forbiddenError struct {
	who  string
	what access.Action
}

// Error says who may not do what, and what it would take.
func (e *forbiddenError) Error() string {
	where := "in that namespace"
	if e.what.Namespace == "" {
		where = "in all namespaces"
	}
	return fmt.Sprintf("%.200q may not %s: that needs the verb %s on %s.%s %s",
		e.who, e.what, e.what.Verb, access.Resource, access.Group, where)
}

// authenticate says who sends a request.
func (s *Server) authenticate(r *http.Request) (access.Caller, error) {
	var given access.Credentials
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		given.Certificate = r.TLS.VerifiedChains[0][0]
	}
	token, err := bearer.FromHeader(r.Header.Values("Authorization"))
	if errors.Is(err, bearer.ErrMalformed) && s.guard.Scheme() == access.Bearer {
		return access.Caller{}, &access.UnauthenticatedError{Detail: err.Error()}
	}
	given.Token = token
	return s.guard.Authenticate(r.Context(), given)
}

// demand returns an error unless the caller may do something.
func (s *Server) demand(ctx context.Context, caller access.Caller, a access.Action) error {
	allowed, err := s.guard.Allowed(ctx, caller, a)
	switch {
	case err != nil:
		return err
	case !allowed:
		return &forbiddenError{caller.Username, a}
	}
	return nil
}

// everywhere is the action that what concerns all namespaces needs.
var everywhere = access.Action{Verb: access.Get}

// everything reports whether the caller may be shown what concerns all namespaces.
// What can't be found out is a no.
func (s *Server) everything(ctx context.Context, caller access.Caller) bool {
	return s.demand(ctx, caller, everywhere) == nil
}

// refuseCaller answers who may not ask, or may not be known, and reports whether err
// says so.
func (s *Server) refuseCaller(w http.ResponseWriter, r *http.Request, err error) bool {
	var unknown *access.UnauthenticatedError
	var forbidden *forbiddenError
	switch {
	case errors.As(err, &unknown):
		challenge := string(s.guard.Scheme()) + ` realm="falcogate"`
		if s.guard.Scheme() == access.Bearer && len(r.Header.Values("Authorization")) > 0 {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		s.refused(w, r, "unauthenticated", http.StatusUnauthorized, err, unknown.Detail)
	case errors.As(err, &forbidden):
		s.refused(w, r, "forbidden", http.StatusForbidden, err, forbidden.Error())
	case errors.Is(err, access.ErrUnavailable):
		s.warn.Do(func() {
			s.logger.WarnContext(r.Context(), "a request was refused because it can't be found out who may ask", "error", err)
		})
		w.Header().Set("Retry-After", "5")
		s.refused(w, r, "unavailable", http.StatusServiceUnavailable, err,
			"it can't be found out at present whether you may ask: ask again; if it stays so, see the log of falcogate")
	default:
		return false
	}
	return true
}

// refused counts a refusal, tells the log at debug, and answers. A cache must not
// keep the answer for somebody else.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, reason string, status int, cause error, detail string) {
	s.meters.refused.WithLabelValues(reason).Inc()
	var unknown *access.UnauthenticatedError
	if errors.As(cause, &unknown) && unknown.Cause != nil {
		cause = unknown.Cause
	}
	s.logger.LogAttrs(r.Context(), slog.LevelDebug, "a request was refused",
		slog.String("reason", reason), slog.String("path", r.URL.Path), slog.String("peer", r.RemoteAddr), slog.Any("error", cause))
	w.Header().Set("Cache-Control", "no-store")
	problem.Write(w, status, detail)
}

// ofNamespace is what a question about a namespace needs: a verb in that one. A name
// that no namespace can have is refused before anybody is asked about it.
func ofNamespace(verb access.Verb) func(params) (access.Action, error) {
	return func(p params) (access.Action, error) {
		namespace := p[parameter.Namespace].value
		return access.Action{Verb: verb, Namespace: namespace}, verifier.CheckNamespace(namespace)
	}
}

// ofList is what a list of alerts needs: of one namespace as above, else all.
func ofList(p params) (access.Action, error) {
	if _, given := p[parameter.Namespace]; given {
		return ofNamespace(access.Get)(p)
	}
	return everywhere, nil
}

// ofAll is what an answer about all namespaces needs.
func ofAll(params) (access.Action, error) { return everywhere, nil }

// guarded makes a handler that only those reach who may do something.
func (s *Server) guarded(a access.Action, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.authenticate(r)
		if err == nil {
			err = s.demand(r.Context(), caller, a)
		}
		if err != nil {
			s.refuse(w, r, nil, err)
			return
		}
		h(w, r)
	}
}
