package falcoconfig

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShapes(t *testing.T) {
	for text, want := range map[string]Shape{
		"http_output: {}":                            FalcoYAML,
		"engine: {kind: kmod}":                       FalcoYAML,
		"metrics: {enabled: true}":                   FalcoYAML,
		"metrics: {output_rule: true}":               FalcoYAML,
		"metrics: {outputRule: true}":                ChartValues,
		"driver: {kind: auto}":                       ChartValues,
		"falco: {json_output: true}":                 ChartValues,
		"falco: {}":                                  ChartValues,
		"falco: null":                                ChartValues,
		"falco: {falco: {json_output: true}}":        ChartValues,
		"falcosidekick: {enabled: true}\nmetrics: 3": ChartValues,
		"a: &a {json_output: true}\nfalco: *a":       ChartValues,
	} {
		require.Equal(t, want, check(t, []byte(text)).Shape, text)
	}
}

func TestOtherFilesAreAnError(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "empty file",
		"# nothing\n":                   "empty file",
		"[json_output]":                 "a list at line 1",
		"hello":                         "have hello at line 1",
		"kind: ConfigMap\nmetadata: {}": "keys kind, metadata, want falco.yaml",
		"a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1": "keys a, b, c, d, e, f, …",
		"json_output: true\n\thttp_output: x":      "line 2",
		"json_output: [true\nhttp_output: {}":      "line ",
	} {
		r, err := Check([]byte(text))
		require.ErrorContains(t, err, want, text)
		require.Nil(t, r)
	}
}

// The chart differs in what holds when nothing is set.
func TestChartPresets(t *testing.T) {
	r := check(t, []byte("driver: {}\n"))
	require.Equal(t, []string{
		"error falco.http_output.enabled", "error falco.json_output", "error metrics.enabled", "error metrics.outputRule",
		"warning metrics.interval", "warning metrics.includeEmptyValues",
	}, said(r.Findings))
	require.Equal(t, "not set (default 1h)", r.Findings[4].Now)

	r = check(t, []byte("webserver: {}\n"))
	require.Equal(t, []string{
		"error http_output.enabled", "error json_output", "error metrics.enabled", "error metrics.output_rule", "error metrics.interval",
		"warning append_output", "warning metrics.include_empty_values",
	}, said(r.Findings))

	// In Falco the gRPC output is on unless it is set; in the chart it is off.
	require.Empty(t, withSetting(check(t, edited(t, goodGRPC, edits{"grpc_output": ""})), "grpc_output.enabled"))
	require.Len(t, withSetting(check(t, edited(t, goodGRPCChart, edits{"falco.grpc_output": ""})), "falco.grpc_output.enabled"), 1)
}

func withSetting(r *Report, setting string) (list []Finding) {
	for _, f := range r.Findings {
		if f.Setting == setting {
			list = append(list, f)
		}
	}
	return list
}

func TestChartOnly(t *testing.T) {
	tests := []struct {
		name    string
		changes edits
		want    []string
	}{
		{"falcosidekick without a webhook", edits{"falcosidekick.enabled": "true", "falco.http_output": "", "falco.json_output": ""}, []string{"error falco.http_output.url"}},
		{"falcosidekick by its address", edits{"falcosidekick.enabled": "true", "falco.http_output.url": "http://falco-falcosidekick:2801"}, []string{"error falco.http_output.url"}},
		{"falcosidekick with a webhook", edits{"falcosidekick.enabled": "true", "falco.http_output.url": `""`, "falcosidekick.config.webhook.address": "http://falcogate:2801"}, []string{"warning falco.http_output.url"}},
		{"falcosidekick with a secret", edits{"falcosidekick.enabled": "true", "falco.http_output": "", "falcosidekick.config.existingSecret": "x"}, []string{"warning falco.http_output.url"}},
		{"falcosidekick beside falcogate", edits{"falcosidekick.enabled": "true", "falco.http_output.enabled": "", "falco.json_output": "", "falco.json_include_output_property": "false"}, nil},
		{"falcosidekick and gRPC", edits{"falcosidekick.enabled": "true", "falco.http_output": "", "falco.json_output": "", "falco.grpc.enabled": "true", "falco.grpc_output.enabled": "true"},
			[]string{"warning falco.json_output", "warning falco.grpc"}},
		{"falcosidekick off", edits{"falcosidekick.enabled": "false", "falcosidekick.config.webhook.address": "http://x"}, nil},
		{"loopback", edits{"falco.http_output.url": "http://127.0.0.1:2801/"}, []string{"warning falco.http_output.url"}},
		{"localhost", edits{"falco.http_output.url": "http://localhost:2801/"}, []string{"warning falco.http_output.url"}},
		{"loopback in IPv6", edits{"falco.http_output.url": "http://[::1]:2801/"}, []string{"warning falco.http_output.url"}},
		{"falco.yaml's name", edits{"metrics.outputRule": "", "metrics.output_rule": "true"}, []string{"error metrics.outputRule", "warning metrics.output_rule"}},
		{"at the top", edits{"falco.json_output": "", "json_output": "true"}, []string{"error falco.json_output", "warning json_output"}},
		{"metrics under falco", edits{"metrics.enabled": "false", "falco.metrics": "{enabled: true, output_rule: true}"},
			[]string{"error falco.metrics.interval", "warning falco.metrics.enabled", "warning falco.metrics.include_empty_values"}},
		{"good metrics under falco", edits{"metrics": "", "falco.metrics": "{enabled: true, output_rule: true, interval: 5s, include_empty_values: true}"}, []string{"warning falco.metrics.enabled"}},
		{"metrics in both", edits{"falco.metrics": "{enabled: true, interval: 1h}"}, nil},
		{"metrics under falco off", edits{"metrics.enabled": "false", "falco.metrics": "{enabled: false}"}, []string{"error metrics.enabled"}},
		{"unread switch", edits{"metrics.enabled": "maybe"}, []string{"error metrics.enabled"}},
		{"falco as a text", edits{"falco": "x"}, []string{"error falco", "error falco.http_output.enabled", "error falco.json_output"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.ElementsMatch(t, tt.want, said(check(t, edited(t, goodChart, tt.changes)).Findings))
		})
	}
}

// A chart that has Falco's chart as a dependency has its values one level down.
func TestUmbrellaChart(t *testing.T) {
	indented := "falco:\n  " + strings.ReplaceAll(strings.TrimSpace(goodChart), "\n", "\n  ") + "\nredis: {}\n"
	require.Empty(t, check(t, []byte(indented)).Findings)
	r := check(t, edited(t, indented, edits{"falco.falco.json_output": "false", "falco.metrics.enabled": "false"}))
	require.Equal(t, []string{"error falco.falco.json_output", "error falco.metrics.enabled"}, said(r.Findings))
	require.Equal(t, "falco:\n  falco:\n    json_output: true", r.Findings[0].Want)
}

func TestFalcoOnly(t *testing.T) {
	r := check(t, edited(t, goodFalco, edits{"metrics.outputRule": "true"}))
	require.Equal(t, []string{"warning metrics.outputRule"}, said(r.Findings))
	require.Contains(t, r.Findings[0].Why, "reads output_rule")
	r = check(t, edited(t, goodFalco, edits{"metrics": `"yes"`}))
	require.Equal(t, []string{"error metrics", "error metrics.enabled", "error metrics.output_rule", "error metrics.interval", "warning metrics.include_empty_values"}, said(r.Findings))
	// Loopback is the host's own here.
	require.Empty(t, check(t, edited(t, goodFalco, edits{"http_output.url": "http://localhost:2801/"})).Findings)
}

func TestUnclearForms(t *testing.T) {
	r := check(t, []byte(goodFalco+"json_output: true\n"))
	require.Equal(t, []string{"error json_output"}, said(r.Findings))
	require.Equal(t, 5, r.Findings[0].Line)
	require.Contains(t, r.Findings[0].Why, "line 1")
	r = check(t, []byte("x: &x {interval: 5s}\n"+strings.Replace(goodFalco, "metrics: {", "metrics: {<<: *x, ", 1)))
	require.Equal(t, []string{"error metrics.<<"}, said(r.Findings))
}

func TestLinesAndSnippets(t *testing.T) {
	r := check(t, []byte("json_output: true\nhttp_output:\n  enabled: true\n  url: http://falcogate:2801/\nappend_output:\n  - suggested_output: no\n"+
		"metrics:\n  enabled: true\n  interval: 10m\n  output_rule: true\n  include_empty_values: true\n"))
	require.Equal(t, []Finding{
		{SeverityWarning, "append_output", 6, "a list", "append_output:\n  - suggested_output: true", r.Findings[0].Why},
		{SeverityWarning, "metrics.interval", 9, "10m", "metrics:\n  interval: 5s", r.Findings[1].Why},
	}, r.Findings)
	require.Equal(t, 2, Count(r.Findings, SeverityWarning))
	require.Zero(t, Count(r.Findings, SeverityError))
}

func TestBooleans(t *testing.T) {
	for _, s := range []string{"true", "True", "TRUE", "yes", "Yes", "on", "ON", "y", "Y"} {
		on, ok := parseBool(s)
		require.True(t, on && ok, s)
	}
	for _, s := range []string{"false", "False", "no", "NO", "off", "Off", "n"} {
		on, ok := parseBool(s)
		require.True(t, !on && ok, s)
	}
	for _, s := range []string{"", "1", "0", "tRUE", "yEs", "enabled", " true", "truе"} {
		_, ok := parseBool(s)
		require.False(t, ok, s)
	}
}

func TestIntervals(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "250ms": 250 * time.Millisecond, "1h30m20s10ms": time.Hour + 30*time.Minute + 20*time.Second + 10*time.Millisecond,
		"15m": 15 * time.Minute, "1 h": time.Hour, "1d": 24 * time.Hour, "1w": 7 * 24 * time.Hour, "1y": 365 * 24 * time.Hour, "0s": 0,
		"999999999y": 1<<63 - 1, strings.Repeat("9", 400) + "s": 1<<63 - 1,
	} {
		got, ok := parseInterval(s)
		require.True(t, ok, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{"", " ", "5", "5000", "s", "5 seconds", "1.5s", "-5s", "5s1m", "010s", "5S", "PT5S"} {
		_, ok := parseInterval(s)
		require.False(t, ok, s)
	}
}
