package falcoconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Shape is which kind of file was read.
type Shape string

const (
	// FalcoYAML is Falco's own configuration file, or one of its config.d.
	FalcoYAML Shape = "falco.yaml"
	// ChartValues is a values file of Falco's Helm chart, or of a chart that has
	// it as the dependency falco.
	ChartValues Shape = "chart values"
)

// document is a file and where in it settings are looked up.
type document struct {
	shape  Shape
	root   *yaml.Node // the map in which all paths begin
	prefix string     // path of root in the file, with a dot at its end
}

// falcoKeys are the top-level settings of falco.yaml that tell it from any other
// YAML file. Those with names that many files have (rules, plugins, outputs) are
// left out, and so is metrics, which the chart has too.
var falcoKeys = set("append_output", "base_syscalls", "buffer_format_base64", "buffered_outputs",
	"config_files", "container_engines", "engine", "falco_libs", "file_output", "grpc", "grpc_output",
	"http_output", "json_include_message_property", "json_include_output_fields_property",
	"json_include_output_property", "json_include_tags_property", "json_output", "libs_logger",
	"load_plugins", "log_level", "log_stderr", "log_syslog", "output_timeout", "outputs_queue",
	"priority", "program_output", "rule_matching", "rules_file", "rules_files", "static_fields",
	"stdout_output", "syscall_event_drops", "syscall_event_timeouts", "syslog_output",
	"time_format_iso_8601", "watch_config_files", "webserver")

// chartKeys are top-level values of the chart that falco.yaml does not have.
var chartKeys = set("collectors", "controller", "customRules", "driver", "falco-talon", "falcoHostnameEnv",
	"falcoctl", "falcosidekick", "k8s-metacollector", "responseActions", "scc", "serviceMonitor")

// parse reads a file and recognises its shape.
func parse(data []byte) (*document, error) {
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("broken YAML: %w", err)
	}
	if len(file.Content) == 0 {
		return nil, fmt.Errorf("have an empty file, %s", wanted)
	}
	root := resolve(file.Content[0])
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("have %s at line %d, %s", describe(root), root.Line, wanted)
	}
	keys := map[string]*yaml.Node{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		keys[root.Content[i].Value] = resolve(root.Content[i+1])
	}
	falco, hasFalco := keys["falco"]
	switch {
	case hasFalco && falco.Kind == yaml.MappingNode && (hasKeyOf(falco, chartKeys) || hasKey(falco, "falco")):
		// A chart with Falco's chart as its dependency.
		return &document{shape: ChartValues, root: falco, prefix: "falco."}, nil
	case hasFalco, hasKeyOf(root, chartKeys):
		return &document{shape: ChartValues, root: root}, nil
	case hasKeyOf(root, falcoKeys):
		return &document{shape: FalcoYAML, root: root}, nil
	case chartMetrics(keys["metrics"]):
		return &document{shape: ChartValues, root: root}, nil
	case keys["metrics"] != nil:
		return &document{shape: FalcoYAML, root: root}, nil
	}
	names := slices.Sorted(maps.Keys(keys))
	if len(names) > 6 {
		names = append(names[:6], "…")
	}
	for i := range names {
		names[i] = short(names[i], 40)
	}
	return nil, fmt.Errorf("have a map with the keys %s, %s", strings.Join(names, ", "), wanted)
}

const wanted = "want falco.yaml (with settings such as metrics and http_output) or the values of Falco's Helm chart (with a map falco)"

// chartMetrics reports whether a map metrics is the chart's and not falco.yaml's.
func chartMetrics(metrics *yaml.Node) bool {
	return metrics != nil && metrics.Kind == yaml.MappingNode && hasKeyOf(metrics, chartMetricNames)
}

func hasKey(m *yaml.Node, key string) bool { return hasKeyOf(m, set(key)) }

func hasKeyOf(m *yaml.Node, keys map[string]bool) bool {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if keys[m.Content[i].Value] {
			return true
		}
	}
	return false
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe names a value for people.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	case n.Value == "":
		return `""`
	}
	return short(n.Value, 200)
}

// short cuts a text to most characters.
func short(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most]) + "…"
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
