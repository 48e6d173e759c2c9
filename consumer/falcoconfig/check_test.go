package falcoconfig

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGoodConfigurationsHaveNoFindings(t *testing.T) {
	for name, text := range map[string]string{"falco.yaml": goodFalco, "chart": goodChart} {
		r := check(t, []byte(text))
		require.Empty(t, r.Findings, name)
	}
	r := check(t, []byte(goodGRPC))
	require.Equal(t, []string{"warning grpc"}, said(r.Findings))
}

// What the README recommends must not be found fault with.
func TestRecommendedConfigurations(t *testing.T) {
	http, grpc, metrics := recommended(t)
	require.Empty(t, check(t, []byte(http)).Findings)

	// The README says of it: besides append_output and metrics as above.
	output, above, found := strings.Cut(http, "append_output:")
	require.True(t, found)
	r := check(t, []byte(grpc+"append_output:"+above))
	require.Equal(t, []string{"warning grpc"}, said(r.Findings))

	// In the chart it is the same under falco, with a service's address.
	values := "falco:\n  " + strings.ReplaceAll(strings.ReplaceAll(output, "\n", "\n  "), "127.0.0.1", "falcogate.falcogate.svc")
	r = check(t, []byte(metrics+"\n"+values))
	require.Equal(t, ChartValues, r.Shape)
	require.Empty(t, r.Findings)
}

// Every rule about a setting that both kinds of file have.
func TestRules(t *testing.T) {
	tests := []struct {
		name    string
		changes edits
		base    string // goodGRPC, or empty for HTTP
		want    []string
		now     string // of the first finding
		wanted  string // part of the first finding's YAML
		line    bool   // whether the first finding has one
	}{
		{"metrics off", edits{"metrics.enabled": "false"}, "", []string{"error metrics.enabled"}, "false", "enabled: true", true},
		{"no snapshots among the alerts", edits{"metrics.output_rule": "off"}, "", []string{"error metrics.output_rule"}, "off", ": true", true},
		{"output rule not set", edits{"metrics.output_rule": ""}, "", []string{"error metrics.output_rule"}, "not set (default false)", ": true", false},
		{"no rule counters", edits{"metrics.rules_counters_enabled": "no"}, "", []string{"error metrics.rules_counters_enabled"}, "no", ": true", true},
		{"no kernel counters", edits{"metrics.kernel_event_counters_enabled": "False"}, "", []string{"error metrics.kernel_event_counters_enabled"}, "False", ": true", true},
		{"zeros left out", edits{"metrics.include_empty_values": ""}, "", []string{"warning metrics.include_empty_values"}, "not set (default false)", ": true", false},
		{"counters on", edits{"metrics.rules_counters_enabled": "YES", "metrics.kernel_event_counters_enabled": `"true"`}, "", nil, "", "", false},

		{"interval too long", edits{"metrics.interval": "1m1s"}, "", []string{"warning metrics.interval"}, "1m1s", ": 5s", true},
		{"interval of an hour", edits{"metrics.interval": "1h"}, "", []string{"warning metrics.interval"}, "1h", ": 5s", true},
		{"interval of a minute", edits{"metrics.interval": "1m"}, "", nil, "", "", false},
		{"interval too short", edits{"metrics.interval": "99ms"}, "", []string{"error metrics.interval"}, "99ms", ": 5s", true},
		{"least interval", edits{"metrics.interval": `"100 ms"`}, "", nil, "", "", false},
		{"interval without unit", edits{"metrics.interval": "5000"}, "", []string{"error metrics.interval"}, "5000", ": 5s", true},
		{"interval as a list", edits{"metrics.interval": "[5s]"}, "", []string{"error metrics.interval"}, "a list", ": 5s", true},

		{"text over HTTP", edits{"json_output": "false"}, "", []string{"error json_output"}, "false", "json_output: true", true},
		{"JSON not set", edits{"json_output": ""}, "", []string{"error json_output"}, "not set (default false)", "json_output: true", false},
		{"JSON not read", edits{"json_output": "tRue"}, "", []string{"error json_output"}, "tRue", "json_output: true", true},
		{"JSON from the environment", edits{"json_output": "${JSON}"}, "", []string{"warning json_output"}, "${JSON}", "json_output: true", true},
		{"no fields", edits{"json_include_output_fields_property": "false"}, "", []string{"error json_include_output_fields_property"}, "false", ": true", true},
		{"no text", edits{"json_include_output_property": "false"}, "", []string{"warning json_include_output_property"}, "false", ": true", true},

		{"HTTP off", edits{"http_output.enabled": "false"}, "", []string{"error http_output.enabled"}, "false", "enabled: true", true},
		{"no output", edits{"http_output": ""}, "", []string{"error http_output.enabled"}, "not set (default false)", "url: http://", false},
		{"no URL", edits{"http_output.url": ""}, "", []string{"error http_output.url"}, "not set", "url: http://", false},
		{"empty URL", edits{"http_output.url": `""`}, "", []string{"error http_output.url"}, `""`, "url: http://", true},
		{"URL of another kind", edits{"http_output.url": "nats://falcogate:4222"}, "", []string{"error http_output.url"}, "nats://falcogate:4222", "url: http://", true},
		{"URL without a scheme", edits{"http_output.url": "falcogate:2801"}, "", []string{"error http_output.url"}, "falcogate:2801", "url: http://", true},
		{"URL without a host", edits{"http_output.url": "http:///x"}, "", []string{"error http_output.url"}, "http:///x", "url: http://", true},
		{"URL in quotes of its own", edits{"http_output.url": `'"http://falcogate:2801/"'`}, "", nil, "", "", false},
		{"URL from the environment", edits{"http_output.url": "${URL}"}, "", []string{"warning http_output.url"}, "${URL}", "url: http://", true},
		{"URL with a password", edits{"http_output.url": "ftp://user:secret@falcogate/"}, "", []string{"error http_output.url"}, "ftp://user:xxxxx@falcogate/", "url: http://", true},
		{"insecure", edits{"http_output.insecure": "true"}, "", []string{"warning http_output.insecure"}, "true", ": false", true},
		{"falcosidekick", edits{"http_output.url": "http://falcosidekick:2801"}, "", []string{"warning http_output.url"}, "http://falcosidekick:2801", "url: http://", true},

		{"gRPC and JSON", edits{"json_output": "true"}, goodGRPC, []string{"warning grpc", "warning json_output"}, "set", "#", true},
		{"gRPC without fields in JSON", edits{"json_include_output_fields_property": "false"}, goodGRPC, []string{"warning grpc"}, "set", "#", true},
		{"gRPC without its output", edits{"grpc_output.enabled": "false"}, goodGRPC, []string{"error grpc_output.enabled", "error json_output", "warning grpc"}, "false", "enabled: true", true},
		{"gRPC's output without its server", edits{"grpc.enabled": "false"}, goodGRPC, []string{"error http_output.enabled", "error json_output", "warning grpc"}, "not set (default false)", "url: http://", false},
		{"gRPC left over", edits{"grpc.enabled": "false"}, "", []string{"warning grpc"}, "set", "#", true},
		{"gRPC's output left over", edits{"grpc_output.enabled": "false"}, "", []string{"warning grpc_output"}, "set", "#", true},
		{"both outputs", edits{"grpc.enabled": "true", "grpc_output.enabled": "true"}, "", []string{"warning grpc_output.enabled", "warning grpc"}, "true", "enabled: false", true},
		{"gRPC and falcosidekick", edits{"grpc.enabled": "true", "grpc_output.enabled": "true", "http_output.url": "http://falcosidekick:2801"}, "",
			[]string{"warning grpc", "warning json_output"}, "set", "#", true},

		{"namespace for some rules", edits{"append_output": "[{match: {tags: [x]}, suggested_output: true}]"}, "", []string{"warning append_output"}, "a list", "- suggested_output: true", true},
		{"nothing appended", edits{"append_output": "[]"}, "", []string{"warning append_output"}, "a list", "- suggested_output: true", true},
		{"nulls appended", edits{"append_output": "null"}, "", []string{"warning append_output"}, "nothing", "- suggested_output: true", true},
		{"suggested output as a map", edits{"append_output": "{suggested_output: true}"}, "", []string{"error append_output"}, "a map", "- suggested_output: true", true},
		{"suggested output off", edits{"append_output": "[{suggested_output: false}, {extra_output: x}, {extra_fields: [proc.name, {ns: '%k8s.ns.name'}]}, 3]"}, "", []string{"warning append_output"}, "a list", "- suggested_output: true", true},
		{"namespace for system calls", edits{"append_output": "[{match: {source: syscall}, suggested_output: 'on'}]"}, "", nil, "", "", false},
		{"namespace as a field", edits{"append_output": "[{extra_fields: [k8s.ns.name]}]"}, "", nil, "", "", false},
		{"namespace as a field with a format", edits{"append_output": "[{extra_fields: [{k8s.ns.name: '%k8s.ns.name'}]}]"}, "", nil, "", "", false},
		{"namespace in the text", edits{"append_output": "[{extra_output: 'ns=%k8s.ns.name'}]"}, "", nil, "", "", false},

		{"priority", edits{"priority": "Error"}, "", []string{"warning priority"}, "Error", "priority: debug", true},
		{"priority by its short name", edits{"priority": "info"}, "", []string{"warning priority"}, "info", "priority: debug", true},
		{"least priority", edits{"priority": "DEBUG"}, "", nil, "", "", false},
		{"unknown priority", edits{"priority": "warn"}, "", []string{"error priority"}, "warn", "priority: debug", true},
		{"bounded queue", edits{"outputs_queue.capacity": "10"}, "", []string{"warning outputs_queue.capacity"}, "10", "capacity: 0", true},
		{"unbounded queue", edits{"outputs_queue.capacity": `"0"`}, "", nil, "", "", false},
		{"queue of no size", edits{"outputs_queue.capacity": "many"}, "", []string{"error outputs_queue.capacity"}, "many", "capacity: 0", true},
		{"rate limit", edits{"outputs.rate": "1", "outputs.max_burst": "1000"}, "", []string{"error outputs.rate"}, "1", "rate: 0", true},
		{"no rate limit", edits{"outputs.rate": "0", "outputs.max_burst": "1000"}, "", nil, "", "", false},

		{"left alone", edits{"rule_matching": "all", "buffered_outputs": "true", "time_format_iso_8601": "true", "syscall_event_drops.actions": "[ignore]"}, "", nil, "", "", false},
	}
	for _, tt := range tests {
		falco, chart := goodFalco, goodChart
		if tt.base != "" {
			falco, chart = tt.base, goodGRPCChart
		}
		t.Run("falco.yaml/"+tt.name, func(t *testing.T) {
			requireFindings(t, check(t, edited(t, falco, tt.changes)), tt.want, tt.now, tt.wanted, tt.line)
		})
		t.Run("chart/"+tt.name, func(t *testing.T) {
			want := make([]string, len(tt.want))
			for i := range want {
				want[i] = inChart(tt.want[i])
			}
			requireFindings(t, check(t, edited(t, chart, underFalco(tt.changes))), want, tt.now, tt.wanted, tt.line)
		})
	}
}

// requireFindings wants those findings in any order, the first of them with
// what is given.
func requireFindings(t *testing.T, r *Report, want []string, now, wanted string, line bool) {
	t.Helper()
	require.ElementsMatch(t, want, said(r.Findings))
	for _, f := range r.Findings {
		if string(f.Severity)+" "+f.Setting == want[0] {
			require.Equal(t, now, f.Now)
			require.Contains(t, f.Want, wanted)
			require.Equal(t, line, f.Line > 0)
		}
	}
}

// inChart is a finding about falco.yaml as it is about the chart's values.
func inChart(finding string) string {
	severity, path, _ := strings.Cut(finding, " ")
	for _, s := range metricSettings {
		if path == s.name {
			return severity + " " + s.chart
		}
	}
	return severity + " falco." + path
}
