package httpapi

import (
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
		add(http.MethodGet, "/v1/verdict", s.getVerdict)
		add(http.MethodPost, "/v1/verdicts", s.postVerdict)
		add(http.MethodGet, "/v1/alerts", s.getAlerts)
		add(http.MethodGet, "/v1/sensors", s.getSensors)
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

// getVerdict evaluates the question in the query string.
func (s *Server) getVerdict(w http.ResponseWriter, r *http.Request) {
	p, err := queryParams(r.URL.RawQuery, verdictParams)
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	q, err := p.question(s.service.Now())
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	v, err := s.service.Evaluate(r.Context(), q)
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	s.answer(w, r, v)
}

// postVerdict evaluates the question in the body and publishes the verdict.
func (s *Server) postVerdict(w http.ResponseWriter, r *http.Request) {
	p, err := bodyParams(w, r, verdictParams)
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	q, err := p.question(s.service.Now())
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	v, err := s.service.Publish(r.Context(), q)
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	s.answer(w, r, v)
}

// getAlerts lists alerts.
func (s *Server) getAlerts(w http.ResponseWriter, r *http.Request) {
	p, err := queryParams(r.URL.RawQuery, alertsParams)
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	sel, err := p.selection(s.service.Now())
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	list, err := s.service.Alerts(r.Context(), sel)
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	s.answer(w, r, list)
}

// getSensors lists sensors. It has no parameters.
func (s *Server) getSensors(w http.ResponseWriter, r *http.Request) {
	if p, err := queryParams(r.URL.RawQuery, nil); err != nil {
		s.refuse(w, r, p, err)
		return
	}
	s.answer(w, r, s.service.Sensors(r.Context()))
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
