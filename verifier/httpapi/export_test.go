package httpapi

import (
	"bytes"
	"net/http"
	"time"
)

// Paths are the routes of a server, method and path.
func (s *Server) Paths() (all []string) {
	for _, r := range s.table() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

// KeepAlive sets how often a stream of events has something to read at least. Call it
// before Start.
func (s *Server) KeepAlive(interval time.Duration) { s.interval = interval }

// ReadHook reads what a hook of Flagger asks, as parameters of a verdict.
func ReadHook(body []byte, now time.Time) (map[string]string, error) {
	r, err := http.NewRequest(http.MethodPost, "/v1/flagger/gate", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	h, err := readHook(nil, r)
	if err != nil {
		return nil, err
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	q, err := h.question(now, gateWait)
	asked := map[string]string{}
	for name, p := range q.params {
		asked[name] = p.value
	}
	return asked, err
}

// Aliases are the other names of parameters.
var Aliases = aliases

// Known are the parameters that each route knows, but for those of its path.
func Known() map[string][]string {
	return map[string][]string{
		"GET /v1/verdict":                   verdictParams,
		"POST /v1/verdicts":                 verdictParams,
		"GET /v1/verdicts/{id}/attestation": attestationParams,
		"GET /v1/alerts":                    alertsParams,
		"POST /v1/gates":                    gateParams,
		"GET /v1/gates":                     gatesParams,
		"POST /v1/gates/{id}/close":         closeParams,
		"GET /v1/gates/{id}/attestation":    attestationParams,
		"POST /v1/flagger/gate":             hookParams,
		"POST /v1/flagger/rollback":         hookParams,
	}
}
