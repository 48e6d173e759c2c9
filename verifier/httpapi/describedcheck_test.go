package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// checkRequest says what of a request is not as described.
func checkRequest(path []string, operation map[string]any, r *http.Request, asked []byte) error {
	given := r.URL.Query()
	for i, p := range list(operation["parameters"]) {
		ref, ok := p.(map[string]any)["$ref"].(string)
		if !ok {
			return fmt.Errorf("parameter %d is not in components", i)
		}
		where := []string{"components", "parameters", ref[strings.LastIndex(ref, "/")+1:]}
		described := description()["components"].(map[string]any)["parameters"].(map[string]any)[where[2]].(map[string]any)
		name := described["name"].(string)
		values, has := given[name]
		delete(given, name)
		if described["in"] != "query" || !has {
			continue
		}
		where = append(where, "schema")
		var value any = values[0]
		if described["content"] != nil {
			where = append(where[:3], "content", "application/json", "schema")
			parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(values[0]))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			value = parsed
		} else if schema := described["schema"].(map[string]any); schema["type"] == "array" {
			all := []any{}
			for _, v := range values {
				all = append(all, v)
			}
			value = all
		} else if schema["type"] == "integer" || schema["type"] == "number" {
			value = json.Number(values[0])
		}
		if err := validate(pointerTo(where...), value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(given) > 0 {
		return fmt.Errorf("parameters that are not described: %v", given)
	}
	body, has := operation["requestBody"].(map[string]any)
	switch {
	case !has && len(asked) > 0:
		return fmt.Errorf("a body is not described")
	case !has, len(asked) == 0 && body["required"] == false:
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asked))
	if err != nil {
		return err
	}
	return validate(pointerTo(append(path, "requestBody", "content", "application/json", "schema")...), value)
}

// checkAnswer says what of an answer is not as described.
func checkAnswer(path []string, operation map[string]any, method string, res *http.Response, body []byte, toEnd bool) error {
	status := fmt.Sprint(res.StatusCode)
	responses := operation["responses"].(map[string]any)
	if responses[status] == nil {
		return fmt.Errorf("the status is not described")
	}
	where := append(slices.Clone(path), "responses", status)
	answer := description()
	for name := range strings.SplitSeq(strings.TrimPrefix(pointerTo(where...), "#/"), "/") {
		name, err := url.PathUnescape(name)
		if err != nil {
			return err
		}
		answer = answer[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(map[string]any)
	}
	for name := range member(answer, "headers") {
		if res.Header.Get(name) == "" {
			return fmt.Errorf("header %s is described, and did not come", name)
		}
	}
	media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	content := member(answer, "content")
	if content[media] == nil {
		return fmt.Errorf("%s is not described", media)
	}
	if method == http.MethodHead {
		return nil
	}
	where = append(where, "content", media, "schema")
	switch media {
	case "text/plain":
		return nil
	case "text/event-stream":
		return checkEvents(member(member(content, media), "x-events"), body)
	}
	if !toEnd {
		return nil // whoever asked did not wait for the rest
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return validate(pointerTo(where...), value)
}

// member is an object in another; nil when there is none.
func member(members map[string]any, name string) map[string]any {
	m, _ := members[name].(map[string]any)
	return m
}

// checkEvents says what of a stream is not as described. Its end may be missing.
func checkEvents(kinds map[string]any, stream []byte) error {
	events := strings.Split(string(stream), "\n\n")
	for _, event := range events[:len(events)-1] {
		kind, data, found := strings.Cut(strings.TrimPrefix(event, "event: "), "\ndata: ")
		if !found {
			if !strings.HasPrefix(event, ": ") {
				return fmt.Errorf("neither an event nor a comment: %q", event)
			}
			continue
		}
		schema := member(kinds, kind)
		if schema == nil {
			return fmt.Errorf("event %q is not described", kind)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
		if err == nil {
			err = validate(schema["$ref"].(string), value)
		}
		if err != nil {
			return fmt.Errorf("event %s: %w", kind, err)
		}
	}
	return nil
}

// A description that takes anything would be none: what is not in it does not go by.
func TestDescriptionRefuses(t *testing.T) {
	head := http.Header{"Content-Type": {"application/json"}}
	ask := func(method, target, body string) error {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		path, operation := operationOf(r)
		require.NotNil(t, operation, target)
		return checkRequest(path, operation, r, []byte(body))
	}
	answer := func(target string, status int, header http.Header, body string) error {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		path, operation := operationOf(r)
		require.NotNil(t, operation, target)
		return checkAnswer(path, operation, r.Method, &http.Response{StatusCode: status, Header: header}, []byte(body), true)
	}
	require.NoError(t, ask("GET", "/v1/verdict?ns=shop&since=10m&limit=3&max_kernel_drop_ratio=0.5&ignore=[]", ""))
	require.NoError(t, ask("POST", "/v1/gates", `{"ns":"shop","since":1795415200123456789,"labels":{"run":"7"},"require_rules":["A"]}`))
	for name, err := range map[string]error{
		"an unknown parameter":      ask("GET", "/v1/verdict?ns=shop&since=10m&sevrity=error", ""),
		"a parameter of another":    ask("GET", "/v1/alerts?wait=1s", ""),
		"a limit":                   ask("GET", "/v1/alerts?limit=0", ""),
		"a limit with a fraction":   ask("GET", "/v1/alerts?limit=3.5", ""),
		"a word":                    ask("GET", "/v1/alerts?scope=hosts", ""),
		"a severity":                ask("GET", "/v1/alerts?severity=WARN", ""),
		"JSON":                      ask("GET", "/v1/verdict?ns=shop&ignore=x", ""),
		"JSON with another member":  ask("GET", `/v1/verdict?ns=shop&ignore=[{"rules":"x","reason":"y"}]`, ""),
		"a label":                   ask("GET", "/v1/gates?label=a=b&label=c", ""),
		"an unknown member":         ask("POST", "/v1/verdicts", `{"ns":"shop","sevrity":"error"}`),
		"a member of another route": ask("POST", "/v1/verdicts", `{"ns":"shop","digest":"sha256:00"}`),
		"no namespace":              ask("POST", "/v1/verdicts", `{"since":"10m"}`),
		"a body of a GET":           ask("GET", "/v1/sensors", `{}`),
		"metadata":                  ask("POST", "/v1/flagger/gate", `{"name":"web","namespace":"shop","metadata":{"limit":"3"}}`),
		"a status":                  answer("/healthz", 503, http.Header{"Content-Type": {"text/plain"}}, "no"),
		"a media type":              answer("/v1/sensors", 200, http.Header{"Content-Type": {"text/html"}}, ""),
		"a header that is missing":  answer("/v1/sensors", 503, http.Header{"Content-Type": {"application/problem+json"}}, `{"type":"about:blank","title":"x","status":503}`),
		"a member of an answer":     answer("/v1/sensors", 200, head, `{"sensors":[],"refused":0,"unnamed":0,"as_of":0,"caught_up":true,"evaluated_at":"2026-11-23T06:30:00Z","more":1}`),
		"a member that is missing":  answer("/v1/sensors", 200, head, `{"sensors":[],"refused":0,"unnamed":0,"as_of":0,"caught_up":true}`),
		"no JSON":                   answer("/v1/sensors", 200, head, `<html>`),
		"an event":                  answer("/v1/gates/g/events", 200, http.Header{"Content-Type": {"text/event-stream"}}, "event: other\ndata: {}\n\n"),
		"the data of an event":      answer("/v1/gates/g/events", 200, http.Header{"Content-Type": {"text/event-stream"}}, "event: progress\ndata: {}\n\n"),
	} {
		require.Error(t, err, name)
	}
	require.NoError(t, answer("/v1/sensors", 200, head, `{"sensors":[],"refused":0,"unnamed":0,"as_of":0,"caught_up":true,"evaluated_at":"2026-11-23T06:30:00Z"}`))
}
