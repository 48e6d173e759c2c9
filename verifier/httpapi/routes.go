package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// routes makes the handler of all paths.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	// Each path is there for any method too, so that a wrong one gets a problem.
	add := func(method, path string, h http.HandlerFunc) {
		allow := method
		if method == http.MethodGet {
			allow = "GET, HEAD"
		}
		mux.HandleFunc(method+" "+path, s.meters.measured(path, h))
		mux.HandleFunc(path, s.meters.measured(path, methodNotAllowed(allow)))
	}
	if s.service != nil {
		add(http.MethodGet, "/v1/verdict", s.answering(inQuery(verdictParams), s.evaluate))
		add(http.MethodPost, "/v1/verdicts", s.answering(inBody(verdictParams), s.publish))
		add(http.MethodGet, "/v1/alerts", s.answering(inQuery(alertsParams), s.alerts))
		add(http.MethodGet, "/v1/sensors", s.answering(inQuery(nil), s.sensors))
	} else {
		mux.HandleFunc("/v1/", s.meters.measured("/v1/", noVerifier))
	}
	add(http.MethodGet, "/healthz", s.getHealth)
	add(http.MethodGet, "/readyz", s.getReady)
	if s.gatherer != nil {
		add(http.MethodGet, "/metrics", promhttp.HandlerFor(s.gatherer, promhttp.HandlerOpts{}).ServeHTTP)
	}
	mux.HandleFunc("/", s.meters.measured("other", notFound))
	return mux
}

// answering makes a handler of how the parameters are read and what is asked
// with them.
func (s *Server) answering(
	read func(http.ResponseWriter, *http.Request) (params, error), ask func(context.Context, params) (any, error),
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := read(w, r)
		if err != nil {
			s.refuse(w, r, p, err)
			return
		}
		answer, err := ask(r.Context(), p)
		if err != nil {
			s.refuse(w, r, p, err)
			return
		}
		s.answer(w, r, answer)
	}
}

// inQuery reads the parameters of a query string.
func inQuery(known []string) func(http.ResponseWriter, *http.Request) (params, error) {
	return func(_ http.ResponseWriter, r *http.Request) (params, error) {
		return queryParams(r.URL.RawQuery, known)
	}
}

// inBody reads the parameters of a body.
func inBody(known []string) func(http.ResponseWriter, *http.Request) (params, error) {
	return func(w http.ResponseWriter, r *http.Request) (params, error) { return bodyParams(w, r, known) }
}

// evaluate answers a question.
func (s *Server) evaluate(ctx context.Context, p params) (any, error) {
	q, err := p.question(s.service.Now())
	if err != nil {
		return nil, err
	}
	return s.service.Evaluate(ctx, q)
}

// publish answers a question and publishes the verdict.
func (s *Server) publish(ctx context.Context, p params) (any, error) {
	q, err := p.question(s.service.Now())
	if err != nil {
		return nil, err
	}
	return s.service.Publish(ctx, q)
}

// alerts lists alerts.
func (s *Server) alerts(ctx context.Context, p params) (any, error) {
	sel, err := p.selection(s.service.Now())
	if err != nil {
		return nil, err
	}
	return s.service.Alerts(ctx, sel)
}

// sensors lists sensors. It has no parameters.
func (s *Server) sensors(ctx context.Context, _ params) (any, error) {
	return s.service.Sensors(ctx), nil
}

// getHealth says that the process serves.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok")
}

// getReady says whether answers can be had, else why not.
func (s *Server) getReady(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() {
		writeText(w, http.StatusServiceUnavailable, "not ready: shutting down")
		return
	}
	if err := s.ready(); err != nil {
		writeText(w, http.StatusServiceUnavailable, fmt.Sprintf("not ready: %v", err))
		return
	}
	writeText(w, http.StatusOK, "ready")
}

func writeText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a client that is gone needs no answer
}
