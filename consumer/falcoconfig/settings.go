package falcoconfig

import "strings"

// setting is one of Falco's settings that the proof depends on.
type setting struct {
	name  string // path in falco.yaml
	chart string // path in the chart's values, where it is not falco.NAME
	// preset is what Falco's code takes when falco.yaml does not set it, which
	// need not be what the falco.yaml that Falco ships has. Empty: nothing.
	preset string
	// chartPreset is what the chart's own values say, where that differs.
	chartPreset string
}

// The presets were read off Falco's configuration.cpp and its chart's
// values.yaml.
var (
	metricsEnabled    = setting{name: "metrics.enabled", chart: "metrics.enabled", preset: "false"}
	metricsInterval   = setting{name: "metrics.interval", chart: "metrics.interval", chartPreset: "1h"}
	metricsOutputRule = setting{name: "metrics.output_rule", chart: "metrics.outputRule", preset: "false"}
	rulesCounters     = setting{name: "metrics.rules_counters_enabled", chart: "metrics.rulesCountersEnabled", preset: "true"}
	kernelCounters    = setting{name: "metrics.kernel_event_counters_enabled", chart: "metrics.kernelEventCountersEnabled", preset: "true"}
	includeEmpty      = setting{name: "metrics.include_empty_values", chart: "metrics.includeEmptyValues", preset: "false"}

	httpEnabled       = setting{name: "http_output.enabled", preset: "false"}
	httpURL           = setting{name: "http_output.url"}
	httpInsecure      = setting{name: "http_output.insecure", preset: "false"}
	grpcEnabled       = setting{name: "grpc.enabled", preset: "false"}
	grpcOutputEnabled = setting{name: "grpc_output.enabled", preset: "true", chartPreset: "false"}

	jsonOutput        = setting{name: "json_output", preset: "false"}
	jsonFields        = setting{name: "json_include_output_fields_property", preset: "true"}
	jsonText          = setting{name: "json_include_output_property", preset: "true"}
	appendOutput      = setting{name: "append_output", chartPreset: "suggested_output: true"}
	priorityFloor     = setting{name: "priority", preset: "debug"}
	queueCapacity     = setting{name: "outputs_queue.capacity", preset: "0"}
	outputsRate       = setting{name: "outputs.rate", preset: "0"}
	sidekickEnabled   = setting{chart: "falcosidekick.enabled", preset: "false"}
	sidekickWebhook   = setting{chart: "falcosidekick.config.webhook.address"}
	sidekickSecret    = setting{chart: "falcosidekick.config.existingSecret"}
	metricsUnderneath = setting{chart: "falco.metrics.enabled", preset: "false"}
)

// metricSettings are those that the chart has under names of its own.
var metricSettings = []setting{metricsEnabled, metricsInterval, metricsOutputRule, rulesCounters, kernelCounters, includeEmpty}

// chartMetricNames are the names below metrics that only the chart has, and
// falcoMetricNames those that only falco.yaml has.
var chartMetricNames, falcoMetricNames = metricNames()

func metricNames() (chart, falco map[string]bool) {
	chart = set("service", "resourceUtilizationEnabled", "stateCountersEnabled", "libbpfStatsEnabled", "pluginsMetricsEnabled",
		"kernelIterEventCountersEnabled", "jemallocStatsEnabled", "convertMemoryToMB", "kernelEventCountersPerCPUEnabled")
	falco = map[string]bool{}
	for _, s := range metricSettings {
		if s.name != s.chart {
			chart[lastKey(s.chart)] = true
			falco[lastKey(s.name)] = true
		}
	}
	return chart, falco
}

// path is where a setting stands in a file of that shape, from its root.
func (s setting) path(shape Shape) string {
	switch {
	case shape == FalcoYAML:
		return s.name
	case s.chart != "":
		return s.chart
	}
	return "falco." + s.name
}

// unset is what holds in a file of that shape that does not set it.
func (s setting) unset(shape Shape) string {
	if shape == ChartValues && s.chartPreset != "" {
		return s.chartPreset
	}
	return s.preset
}

func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// snippet is YAML that sets what stands at path. A value of several lines begins
// on a line of its own.
func snippet(path, value string) string {
	var b strings.Builder
	indent := ""
	for i, key := range strings.Split(path, ".") {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(indent + key + ":")
		indent += "  "
	}
	if !strings.HasPrefix(value, "- ") {
		return b.String() + " " + value
	}
	for line := range strings.Lines(value) {
		b.WriteString("\n" + indent + strings.TrimSuffix(line, "\n"))
	}
	return b.String()
}
