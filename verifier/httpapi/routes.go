package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

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
		add(http.MethodGet, "/v1/verdicts/{id}/explanation", s.answering(inPath("id", nil), s.explain))
		add(http.MethodGet, "/v1/diagnosis", s.answering(inQuery(nil), s.diagnose))
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
		if err := patience(w, p); err != nil {
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

// inPath reads one parameter from the path, and those of a query string.
func inPath(name string, known []string) func(http.ResponseWriter, *http.Request) (params, error) {
	return func(_ http.ResponseWriter, r *http.Request) (params, error) {
		p, err := queryParams(r.URL.RawQuery, known)
		if err == nil {
			p[name] = param{name, r.PathValue(name)}
		}
		return p, err
	}
}

// replayTime bounds an answer that reads the whole event log.
const replayTime = 10 * time.Minute

// patience gives an answer that may take longer the time that it needs: one that
// is held while it is pending, and one that reads the log anew.
func patience(w http.ResponseWriter, p params) error {
	wait, err := p.wait()
	if err != nil {
		return err
	}
	_, early := p[paramAsOf]
	_, explained := p["id"]
	if early || explained {
		wait = replayTime
	}
	if wait == 0 || wait > replayTime {
		return nil // the service refuses what is too long
	}
	c := http.NewResponseController(w)
	// The read deadline would end the request's context while it is held.
	return errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Now().Add(wait+writeTimeout)))
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

// explain evaluates a published verdict again.
func (s *Server) explain(ctx context.Context, p params) (any, error) {
	return s.service.Explain(ctx, p["id"].value)
}

// diagnose says what each sensor lacks. It has no parameters.
func (s *Server) diagnose(ctx context.Context, _ params) (any, error) {
	return s.service.Diagnose(ctx), nil
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
