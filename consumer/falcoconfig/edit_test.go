package falcoconfig

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// goodFalco and goodChart have nothing that is found fault with.
const (
	goodFalco = `json_output: true
http_output: {enabled: true, url: "http://127.0.0.1:2801/"}
append_output: [{suggested_output: true}]
metrics: {enabled: true, interval: 5s, output_rule: true, include_empty_values: true}
`
	goodChart = `driver: {kind: modern_ebpf}
falco:
  json_output: true
  http_output: {enabled: true, url: "https://falcogate.falcogate.svc:2801/"}
metrics: {enabled: true, interval: 5s, outputRule: true, includeEmptyValues: true}
`
	goodGRPCChart = `driver: {kind: modern_ebpf}
falco:
  grpc: {enabled: true}
  grpc_output: {enabled: true}
metrics: {enabled: true, interval: 5s, outputRule: true, includeEmptyValues: true}
`
	goodGRPC = `grpc: {enabled: true}
grpc_output: {enabled: true}
append_output: [{suggested_output: true}]
metrics: {enabled: true, interval: 5s, output_rule: true, include_empty_values: true}
`
)

// edits are values, as YAML, by path. An empty one takes the setting away.
type edits map[string]string

// edited is a file with some settings changed.
func edited(tb testing.TB, base string, changes edits) []byte {
	tb.Helper()
	var file yaml.Node
	require.NoError(tb, yaml.Unmarshal([]byte(base), &file))
	for path, value := range changes {
		at := file.Content[0]
		keys := strings.Split(path, ".")
		for _, key := range keys[:len(keys)-1] {
			next := child(at, key)
			if next == nil {
				next = &yaml.Node{Kind: yaml.MappingNode}
				at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, next)
			}
			at = next
		}
		last := keys[len(keys)-1]
		for i := 0; i+1 < len(at.Content); i += 2 {
			if at.Content[i].Value == last {
				at.Content = append(at.Content[:i], at.Content[i+2:]...)
				break
			}
		}
		if value != "" {
			var v yaml.Node
			require.NoError(tb, yaml.Unmarshal([]byte(value), &v))
			at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: last}, v.Content[0])
		}
	}
	data, err := yaml.Marshal(&file)
	require.NoError(tb, err)
	return data
}

// underFalco are the edits that do in the chart what they do in falco.yaml.
func underFalco(changes edits) edits {
	moved := edits{}
	for path, value := range changes {
		for _, s := range metricSettings {
			if path == s.name {
				path = s.chart
			}
		}
		if !strings.HasPrefix(path, "metrics") {
			path = "falco." + path
		}
		moved[path] = value
	}
	return moved
}

func check(tb testing.TB, data []byte) *Report {
	tb.Helper()
	r, err := Check(data)
	require.NoError(tb, err, "%s", data)
	for _, f := range r.Findings {
		requireWhole(tb, f)
	}
	return r
}

// requireWhole wants a finding that says all it has to, with YAML to paste.
func requireWhole(tb testing.TB, f Finding) {
	tb.Helper()
	require.Contains(tb, []Severity{SeverityError, SeverityWarning}, f.Severity)
	require.NotEmpty(tb, f.Setting)
	require.NotEmpty(tb, f.Now, f.Setting)
	require.NotEmpty(tb, f.Want, f.Setting)
	require.NotEmpty(tb, f.Why, f.Setting)
	var want yaml.Node
	require.NoError(tb, yaml.Unmarshal([]byte(f.Want), &want), "%s: %s", f.Setting, f.Want)
}

// said are the findings as SEVERITY SETTING.
func said(findings []Finding) []string {
	list := make([]string, len(findings))
	for i, f := range findings {
		list[i] = string(f.Severity) + " " + f.Setting
	}
	return list
}

// readme is the project's README.
func readme(tb testing.TB) string {
	tb.Helper()
	data, err := os.ReadFile("../../README.md")
	require.NoError(tb, err)
	return string(data)
}

var (
	yamlBlock  = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	chartSpan  = regexp.MustCompile("(?s)`(metrics: *\\{.*?\\})`")
	whiteSpace = regexp.MustCompile(`\s+`)
)

// recommended are the YAML blocks of the README that configure Falco, and the
// chart's metrics that it recommends.
func recommended(tb testing.TB) (http, grpc, chart string) {
	tb.Helper()
	text := readme(tb)
	for _, block := range yamlBlock.FindAllStringSubmatch(text, -1) {
		switch {
		case strings.Contains(block[1], "http_output:"):
			http = block[1]
		case strings.Contains(block[1], "grpc_output:"):
			grpc = block[1]
		}
	}
	if span := chartSpan.FindStringSubmatch(text); span != nil {
		chart = whiteSpace.ReplaceAllString(span[1], " ")
	}
	require.NotEmpty(tb, http)
	require.NotEmpty(tb, grpc)
	require.NotEmpty(tb, chart)
	return http, grpc, chart
}
