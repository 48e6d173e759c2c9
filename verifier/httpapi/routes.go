package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier/access"
)

// route is one path of the interface, with the method that it has.
type route struct {
	method, path string
	handle       http.HandlerFunc
}

// table has all routes. Each says what a caller needs for it; only health,
// readiness and the description are everybody's.
func (s *Server) table() (all []route) {
	get, post := http.MethodGet, http.MethodPost
	if s.service != nil {
		all = []route{
			{get, "/v1/verdict", s.answering(inQuery(verdictParams), ofNamespace(access.Get), s.evaluate)},
			{post, "/v1/verdicts", s.answering(inBody(verdictParams), ofNamespace(access.Create), s.publish)},
			// What that needs shows once the verdict is found.
			{get, "/v1/verdicts/{id}/explanation", s.answering(inPath(parameter.Verdict, nil), nil, s.explain)},
			{get, "/v1/verdicts/{id}/attestation", s.answering(inPath(parameter.Verdict, attestationParams), nil, s.attestVerdict)},
			{get, "/v1/diagnosis", s.answering(inQuery(nil), ofAll, s.diagnose)},
			{get, "/v1/alerts", s.answering(inQuery(alertsParams), ofList, s.alerts)},
			{get, "/v1/sensors", s.answering(inQuery(nil), ofAll, s.sensors)},
			{get, "/openapi.json", s.getDescription},
		}
	}
	if s.service != nil && s.gates != nil {
		// What those need that name a gate shows once it is found.
		gate := inPath(parameter.ID, nil)
		all = append(all,
			route{post, "/v1/gates", s.answering(inGate, ofNamespace(access.Create), s.openGate)},
			route{get, "/v1/gates", s.answering(inGatesQuery, ofList, s.listGates)},
			route{get, "/v1/gates/{id}", s.answering(gate, nil, s.getGate)},
			route{http.MethodDelete, "/v1/gates/{id}", s.answering(gate, nil, s.cancelGate)},
			route{post, "/v1/gates/{id}/close", s.answering(inClose, nil, s.closeGate)},
			route{get, "/v1/gates/{id}/events", s.followGate},
			route{get, "/v1/gates/{id}/attestation", s.answering(inPath(parameter.ID, attestationParams), nil, s.attestGate)},
		)
	}
	if s.service != nil && s.rollouts != nil {
		all = append(all, s.flaggerRoutes()...)
	}
	all = append(all, route{get, "/healthz", s.getHealth}, route{get, "/readyz", s.getReady})
	if s.gatherer != nil {
		scrape := promhttp.HandlerFor(s.gatherer, promhttp.HandlerOpts{}).ServeHTTP
		all = append(all, route{get, access.MetricsPath, s.guarded(access.Action{Verb: access.Get, Path: access.MetricsPath}, scrape)})
	}
	return all
}

// routes makes the handler of all paths.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	allow := map[string][]string{}
	for _, r := range s.table() {
		mux.HandleFunc(r.method+" "+r.path, s.meters.measured(r.path, r.handle))
		allow[r.path] = append(allow[r.path], r.method)
		if r.method == http.MethodGet {
			allow[r.path] = append(allow[r.path], http.MethodHead)
		}
	}
	// Each path is there for any method too, so that a wrong one gets a problem.
	for path, methods := range allow {
		slices.Sort(methods)
		mux.HandleFunc(path, s.meters.measured(path, methodNotAllowed(strings.Join(methods, ", "))))
	}
	if s.service == nil {
		mux.HandleFunc("/v1/", s.meters.measured("/v1/", noVerifier))
	}
	mux.HandleFunc("/", s.meters.measured("other", notFound))
	return mux
}

// answering makes a handler of how the parameters are read, what a caller needs to
// ask with them, and what is asked. Without needs, that is for ask to see to.
// Nothing is read of a body before it is known who sends it, and nothing is asked
// before it is known that they may.
func (s *Server) answering(
	read func(http.ResponseWriter, *http.Request) (params, error), needs func(params) (access.Action, error),
	ask func(context.Context, request) (any, error),
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.authenticate(r)
		if err != nil {
			s.refuse(w, r, nil, err)
			return
		}
		p, err := read(w, r)
		if err == nil && needs != nil {
			var a access.Action
			if a, err = needs(p); err == nil {
				err = s.demand(r.Context(), caller, a)
			}
		}
		if err == nil {
			err = patience(w, p)
		}
		var answer any
		if err == nil {
			answer, err = ask(r.Context(), request{p, caller})
		}
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
	return func(w http.ResponseWriter, r *http.Request) (params, error) {
		p, err := bodyParams(w, r, known, structured...)
		if err == nil {
			err = p.checkRules()
		}
		return p, err
	}
}

// inPath reads the id in the path, as the parameter of a name, and the parameters of a
// query string.
func inPath(name string, known []string) func(http.ResponseWriter, *http.Request) (params, error) {
	return func(_ http.ResponseWriter, r *http.Request) (params, error) {
		p, err := queryParams(r.URL.RawQuery, known)
		if err == nil {
			p[name] = param{"id", r.PathValue("id")}
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
	_, early := p[parameter.AsOf]
	_, explained := p[parameter.Verdict]
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
