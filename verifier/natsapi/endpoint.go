package natsapi

import (
	"net/http"
	"net/url"
	"strings"
)

// endpoint is one question: its subject below the prefix, and what it is over HTTP.
type endpoint struct {
	name   string // dots are dashes in the endpoint's name
	method string
	path   string // {id} stands for the member of that name
	about  string
}

// endpoints are all questions.
var endpoints = []endpoint{
	{"verdict", http.MethodGet, "/v1/verdict", "asks for a verdict"},
	{"verdict.publish", http.MethodPost, "/v1/verdicts", "asks for a verdict that is published too"},
	{"verdict.explain", http.MethodGet, "/v1/verdicts/{id}/explanation", "evaluates a published verdict again"},
	{"verdict.attestation", http.MethodGet, "/v1/verdicts/{id}/attestation", "signs a published verdict"},
	{"alerts", http.MethodGet, "/v1/alerts", "lists alerts"},
	{"sensors", http.MethodGet, "/v1/sensors", "lists sensors"},
	{"diagnosis", http.MethodGet, "/v1/diagnosis", "says what the sensors lack for proof"},
	{"gates.open", http.MethodPost, "/v1/gates", "opens a gate"},
	{"gates.list", http.MethodGet, "/v1/gates", "lists gates"},
	{"gates.get", http.MethodGet, "/v1/gates/{id}", "shows a gate"},
	{"gates.attestation", http.MethodGet, "/v1/gates/{id}/attestation", "signs a gate's verdict"},
	{"gates.close", http.MethodPost, "/v1/gates/{id}/close", "ends a gate's window"},
	{"gates.cancel", http.MethodDelete, "/v1/gates/{id}", "cancels a gate"},
}

// request is a message's payload as a request to the HTTP interface: its path with the
// query string, and its body.
func (e *endpoint) request(payload []byte) (target string, body []byte, err error) {
	members, err := readMembers(payload)
	if err != nil {
		return "", nil, err
	}
	path := e.path
	if strings.Contains(path, "{id}") {
		id, ok := members.take("id")
		if !ok {
			return "", nil, &badPayloadError{"id", "required: say which"}
		}
		text, ok := id.text()
		if !ok || text == "" || text == "." || text == ".." {
			return "", nil, &badPayloadError{"id", "want a string that is not empty"}
		}
		path = strings.Replace(path, "{id}", url.PathEscape(text), 1)
	}
	if e.method == http.MethodPost {
		if len(members) == 0 && strings.HasSuffix(e.path, "/close") {
			return path, nil, nil // as without a body
		}
		body, err = members.object()
		return path, body, err
	}
	query, err := members.query()
	if err != nil || query == "" {
		return path, nil, err
	}
	return path + "?" + query, nil, nil
}
