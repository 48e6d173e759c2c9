package falcoconfig

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Severity says what a Finding costs.
type Severity string

const (
	// SeverityError means that silence can't be proven, that alerts are lost, or
	// that Falco does not start.
	SeverityError Severity = "error"
	// SeverityWarning means that the proof is weaker or comes later, or that the
	// setting does harm under conditions that Why names.
	SeverityWarning Severity = "warning"
)

// Finding is one setting that stands in the way of proof.
type Finding struct {
	Severity Severity `json:"severity"`
	// Setting is its path, as whoever edits the file writes it, with dots.
	Setting string `json:"setting"`
	// Line is where it stands in the file, from 1. 0 when it is not set.
	Line int `json:"line,omitzero"`
	// Now is what it is, for people.
	Now string `json:"now"`
	// Want is YAML that sets it right: a snippet from the top of the file down, or
	// a comment where something has to go.
	Want string `json:"want"`
	// Why is one sentence, or two.
	Why string `json:"why"`
}

// Report is what Check found.
type Report struct {
	Shape Shape `json:"shape"`
	// Findings has errors before warnings. Empty: the file gives all that the
	// proof needs.
	Findings []Finding `json:"findings"`
}

// Count returns how many of the findings have that severity.
func Count(findings []Finding, severity Severity) (n int) {
	for _, f := range findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// Check reads a falco.yaml, or values of Falco's Helm chart, and says what keeps
// falcogate from proving silence with it. An error means that data is neither:
// broken YAML, with the line, or another file. The data is not changed.
func Check(data []byte) (*Report, error) {
	doc, err := parse(data)
	if err != nil {
		return nil, err
	}
	k := &checker{document: doc, said: map[string]bool{}}
	k.checkPlaces()
	out := k.checkOutputs()
	k.checkForm(out)
	k.checkLosses()
	k.checkMetrics()
	slices.SortStableFunc(k.findings, func(a, b Finding) int { return cmp.Compare(a.Severity, b.Severity) })
	return &Report{Shape: doc.shape, Findings: k.findings}, nil
}

// checkPlaces finds settings that stand where nobody reads them, under the name
// that they have in the other kind of file.
func (k *checker) checkPlaces() {
	metrics := k.find("metrics")
	if k.shape == FalcoYAML {
		k.misplaced(metrics, "metrics.", chartMetricNames, func(key string) string {
			return "This name is the chart's: Falco ignores it" + k.instead(key) + "."
		})
		return
	}
	k.misplaced(metrics, "metrics.", falcoMetricNames, func(key string) string {
		return "This name is falco.yaml's: the chart ignores it" + k.instead(key) + "."
	})
	k.misplaced(k.root, "", falcoKeys, func(string) string {
		return "The chart reads Falco's settings in its map falco, and ignores this one."
	})
}

// misplaced warns of those keys of a map that are in names.
func (k *checker) misplaced(m *yaml.Node, path string, names map[string]bool, why func(key string) string) {
	if m == nil || m.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := m.Content[i], resolve(m.Content[i+1])
		if !names[key.Value] {
			continue
		}
		k.findings = append(k.findings, Finding{
			Severity: SeverityWarning, Setting: k.prefix + path + key.Value, Line: key.Line, Now: describe(value),
			Want: "# " + k.prefix + path + key.Value + " has to go", Why: why(key.Value),
		})
	}
}

// instead names the metric setting that a key of the other kind of file means.
func (k *checker) instead(key string) string {
	for _, s := range metricSettings {
		if key == lastKey(s.name) || key == lastKey(s.chart) {
			return " and reads " + lastKey(s.path(k.shape))
		}
	}
	return ""
}
