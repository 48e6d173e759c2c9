package httpapi_test

import (
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

// The description is one, by OpenAPI 3.1, and is what the server serves.
func TestDescriptionIsServed(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.json")
	require.NoError(t, err)
	require.True(t, doc.IsOpenAPI31OrLater())
	require.NoError(t, doc.Validate(t.Context()))
	r := start(t, nil)
	res, body := r.get(t, "/openapi.json")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "application/json", res.Header.Get("Content-Type"))
	want, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	require.Equal(t, string(want), body)
}

// Both forms of a verdict are as described: the rig's client sees to it.
func TestDescriptionHasBothForms(t *testing.T) {
	r := start(t, nil)
	r.log.Append(clock, inPod("shop", "web", time.Minute, correlate.Critical))
	for _, form := range []string{parameter.FormatFalcogate, parameter.FormatAegis} {
		res, body := r.get(t, "/v1/verdict?ns=shop&since=10m&format="+form)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, form == parameter.FormatAegis, strings.Contains(body, `"tool":"falco"`))
		res, _ = r.post(t, "/v1/verdicts", `{"ns":"shop","since":"10m","format":"`+form+`"}`)
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
}

// Each route is described, and nothing else is.
func TestDescriptionHasEveryRoute(t *testing.T) {
	r := start(t, nil)
	var described []string
	ids := map[string]bool{}
	for path, methods := range at[map[string]any](t, "paths") {
		for method, operation := range methods.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
			id := operation.(map[string]any)["operationId"].(string)
			require.False(t, ids[id], id)
			ids[id] = true
		}
	}
	require.ElementsMatch(t, r.server.Paths(), described)
}

// Each parameter that a route knows is described, under all of its names, and nothing
// else is. A route without a list here knows none.
func TestDescriptionHasEveryParameter(t *testing.T) {
	known := httpapi.Known()
	r := start(t, nil)
	for _, route := range r.server.Paths() {
		method, path, _ := strings.Cut(route, " ")
		operation := at[map[string]any](t, "paths", path, strings.ToLower(method))
		var query []string
		for _, p := range list(operation["parameters"]) {
			p := resolved(t, p)
			name := p["name"].(string)
			if p["in"] == "path" {
				require.Contains(t, path, "{"+name+"}")
				continue
			}
			query = append(query, name)
			requireAlias(t, name, p)
		}
		names := known[route]
		if operation["requestBody"] == nil {
			require.ElementsMatch(t, named(names), query, route)
			continue
		}
		require.Empty(t, query, route)
		schema := resolved(t, operation["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)["schema"])
		if strings.HasPrefix(path, "/v1/flagger/") {
			schema = schema["properties"].(map[string]any)["metadata"].(map[string]any)
		}
		var members []string
		properties, _ := schema["properties"].(map[string]any)
		for name, member := range properties {
			members = append(members, name)
			requireAlias(t, name, member.(map[string]any))
		}
		require.ElementsMatch(t, named(names), members, route)
	}
}

// requireAlias sees that another name of a parameter says whose it is.
func requireAlias(t *testing.T, name string, described map[string]any) {
	t.Helper()
	of, _ := described["x-alias-of"].(string)
	require.Equal(t, httpapi.Aliases[name], of, name)
}

// named are names with the others that they go by.
func named(names []string) (all []string) {
	all = slices.Clone(names)
	for alias, name := range httpapi.Aliases {
		if slices.Contains(names, name) {
			all = append(all, alias)
		}
	}
	return all
}

// Words and bounds are those of the code.
func TestDescriptionHasWordsAndBounds(t *testing.T) {
	words := func(path ...string) (all []string) {
		for _, word := range at[[]any](t, append(path, "enum")...) {
			all = append(all, word.(string))
		}
		return all
	}
	require.Equal(t, []string{string(verifier.Accounted), string(verifier.Heard), string(verifier.None)}, words("components", "schemas", "Evidence"))
	for _, word := range words("components", "schemas", "HostAlerts") {
		_, err := verifier.ParseHostAlerts(word)
		require.NoError(t, err)
	}
	require.Len(t, words("components", "schemas", "HostAlerts"), 3)
	require.Equal(t, []string{string(verifier.GateOpen), string(verifier.GateClosed), string(verifier.GateDecided), string(verifier.GateCancelled)}, words("components", "schemas", "GateState"))
	require.Equal(t, []string{string(verifier.ScopeAll), string(verifier.ScopeHost), string(verifier.ScopeUnattributed)}, words("components", "parameters", "scope", "schema"))
	require.Equal(t, []string{parameter.OrderNewest, parameter.OrderOldest}, words("components", "parameters", "order", "schema"))
	require.Equal(t, []string{parameter.PredicateVerdict, parameter.PredicateVSA}, words("components", "parameters", "predicate", "schema"))
	require.Equal(t, []string{parameter.FormatFalcogate, parameter.FormatAegis}, words("components", "parameters", "format", "schema"))
	bound := func(name, which string) int {
		return int(at[float64](t, "components", "parameters", name, "schema", which))
	}
	require.Equal(t, 1, bound("limit", "minimum"))
	require.Equal(t, verifier.MaxAlerts, bound("limit", "maximum"))
	require.Equal(t, verifier.MaxAllowedAlerts, bound("max_alerts", "maximum"))
	require.Equal(t, 1, bound("max_kernel_drop_ratio", "maximum"))
	require.Equal(t, verifier.MaxIgnored, int(at[float64](t, "components", "schemas", "IgnoreList", "maxItems")))

	for schema, tc := range map[string]struct {
		parse func(string) error
		given []string
	}{
		"Severity": {func(s string) error { _, err := correlate.ParsePriority(s); return err },
			[]string{"warning", "WARNING", "Warning", "iNfO", "informational", "emergency", "alert", "critical", "error", "notice", "debug", "warn", "WARN", "", "high", " error", "errors"}},
		"GivenDuration": {func(s string) error { _, err := parameter.ParseDuration(s); return err },
			[]string{"0", "10m", "1h30m", "1.5h", "2d", "1w2d3h4m5s6ms7us8µs9ns", "8μs", "", "5", "-5m", "5x", ".5h", "10 m", "1e3s"}},
		"Namespace": {verifier.CheckNamespace,
			[]string{"shop", "a", "0-a", strings.Repeat("a", 63), strings.Repeat("a", 64), "", "-a", "a-", "A", "a.b", "*", "a\n"}},
	} {
		for _, text := range tc.given {
			err := validate("#/components/schemas/"+schema, text)
			require.Equal(t, tc.parse(text) == nil, err == nil, "%s: %q: %v", schema, text, err)
		}
	}
}

// Members of answers are those that Go writes, and are required when they always come.
func TestDescriptionHasEveryMember(t *testing.T) {
	for name, kind := range map[string]reflect.Type{
		"Verdict": reflect.TypeFor[verifier.Verdict](), "Gate": reflect.TypeFor[verifier.Gate](), "GateList": reflect.TypeFor[verifier.GateList](),
		"GateProgress": reflect.TypeFor[verifier.GateProgress](), "AlertList": reflect.TypeFor[verifier.AlertList](),
		"SensorList": reflect.TypeFor[verifier.SensorList](), "Diagnosis": reflect.TypeFor[verifier.Diagnosis](),
		"Aegis": reflect.TypeFor[verifier.Aegis](), "Explanation": reflect.TypeFor[verifier.Explanation](), "Problem": reflect.TypeFor[problem.Problem](),
	} {
		requireMembers(t, name, at[map[string]any](t, "components", "schemas", name), kind, map[reflect.Type]bool{})
	}
}

func requireMembers(t *testing.T, path string, schema map[string]any, kind reflect.Type, seen map[reflect.Type]bool) {
	t.Helper()
	schema = resolved(t, schema)
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if kind.Kind() == reflect.Slice && schema["items"] != nil {
		requireMembers(t, path+"[]", schema["items"].(map[string]any), kind.Elem(), seen)
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	if kind.Kind() != reflect.Struct || properties == nil || seen[kind] {
		return
	}
	seen[kind] = true
	written := map[string]bool{} // and whether it always is
	for _, f := range reflect.VisibleFields(kind) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || !f.IsExported() {
			continue
		}
		written[name] = !strings.Contains(options, "omitzero") && !strings.Contains(options, "omitempty")
		sub, ok := properties[name].(map[string]any)
		require.True(t, ok, "%s.%s is not described", path, name)
		requireMembers(t, path+"."+name, sub, f.Type, seen)
	}
	required := list(schema["required"])
	for name := range properties {
		always, ok := written[name]
		require.True(t, ok, "%s.%s is not written", path, name)
		require.Equal(t, always, slices.Contains(required, any(name)), "%s.%s: required", path, name)
	}
}
