package falcoconfig

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// checkForm wants alerts that can be read and that say which namespace they are
// about.
func (k *checker) checkForm(out outputs) {
	on, r := k.boolean(jsonOutput, out.http || !out.grpc)
	switch {
	case r.doubtful:
	case out.grpc && out.sidekick && (on || out.installed):
		if out.installed {
			r.shown = "true, by falcosidekick.enabled"
		}
		k.addSnippet(SeverityWarning, r, "# http_output to falcogate instead of gRPC, or no falcosidekick by HTTP", jsonKills+" falcosidekick needs true.")
	case out.grpc && !out.http && on:
		k.add(SeverityWarning, r, "false", jsonKills+" falcogate reads the fields of gRPC and needs no JSON.")
	case on, out.installed, out.grpc && !out.http:
	default:
		// Without an output too: HTTP is what is proposed then.
		k.add(SeverityError, r, "true", "Text can't be read safely, and falcogate refuses it from http_output.")
	}
	// Over gRPC the fields and the text come whatever JSON would include.
	if out.http || !out.grpc {
		k.checkJSON(out)
	}
	k.checkAppend()
}

const jsonKills = "With json_output: true, an alert with invalid UTF-8 kills Falco 0.43.1;"

func (k *checker) checkJSON(out outputs) {
	if on, r := k.boolean(jsonFields, true); !on && !r.doubtful {
		k.add(SeverityError, r, "true", "Without output_fields an alert has no k8s.ns.name and belongs to no namespace, and a snapshot has no counters.")
	}
	if on, r := k.boolean(jsonText, true); !on && !r.doubtful && !out.installed {
		k.add(SeverityWarning, r, "true", "Without output a verdict lists alerts without the text that says what happened.")
	}
}

// checkAppend wants k8s.ns.name in every alert of the syscall source: Falco's
// own rules don't name it.
func (k *checker) checkAppend() {
	r := reading{path: appendOutput.path(k.shape), unset: appendOutput.unset(k.shape)}
	n := k.find(r.path)
	if n == nil && k.shape == ChartValues {
		return // the chart has it
	}
	r.node = n
	if n != nil && n.Kind != yaml.SequenceNode && !isNull(n) {
		k.unreadable(&r, "- suggested_output: true")
		return
	}
	if n != nil && n.Kind == yaml.SequenceNode {
		for _, entry := range n.Content {
			if entry := resolve(entry); matchesSyscalls(entry) && addsNamespace(entry) {
				return
			}
		}
	}
	k.add(SeverityWarning, r, "- suggested_output: true",
		"Without it an alert says k8s.ns.name only where its rule does; the others belong to no namespace, and a gate at their severity is inconclusive.")
}

// matchesSyscalls reports whether an entry of append_output applies to every
// rule over system calls.
func matchesSyscalls(entry *yaml.Node) bool {
	match := child(entry, "match")
	if match == nil || match.Kind != yaml.MappingNode {
		return true
	}
	for i := 0; i+1 < len(match.Content); i += 2 {
		if key, value := match.Content[i].Value, resolve(match.Content[i+1]); key != "source" || value.Value != "syscall" {
			return false
		}
	}
	return true
}

// addsNamespace reports whether an entry of append_output puts k8s.ns.name into
// output_fields.
func addsNamespace(entry *yaml.Node) bool {
	if n := child(entry, "suggested_output"); n != nil && n.Kind == yaml.ScalarNode {
		if on, ok := parseBool(n.Value); on && ok {
			return true
		}
	}
	if n := child(entry, "extra_output"); n != nil && strings.Contains(n.Value, "%k8s.ns.name") {
		return true
	}
	fields := child(entry, "extra_fields")
	if fields == nil || fields.Kind != yaml.SequenceNode {
		return false
	}
	for _, field := range fields.Content {
		if field = resolve(field); field.Value == "k8s.ns.name" || child(field, "k8s.ns.name") != nil {
			return true
		}
	}
	return false
}

func child(m *yaml.Node, key string) *yaml.Node {
	if m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return resolve(m.Content[i+1])
		}
	}
	return nil
}

// checkLosses finds what makes Falco leave alerts out.
func (k *checker) checkLosses() {
	k.checkPriority()
	if n, r := k.number(queueCapacity, "0"); n > 0 {
		k.add(SeverityWarning, r, "0", "When the queue is full Falco drops alerts, and no window with a drop is proven; 0 is without a limit, and takes memory instead.")
	}
	if n, r := k.number(outputsRate, "0"); n > 0 {
		k.add(SeverityError, r, "0", "A Falco that still has this rate limit throws away the alerts above it.")
	}
}

func (k *checker) checkPriority() {
	const least = "debug"
	text, r := k.text(priorityFloor, least)
	if r.doubtful {
		return
	}
	rank := priorityRank(text)
	switch {
	case rank < 0:
		k.add(SeverityError, r, least, "Falco knows no such priority and refuses to start: it is one of "+strings.Join(priorities, ", ")+".")
	case rank < len(priorities)-1:
		k.add(SeverityWarning, r, least, "Rules below "+priorities[rank]+" are not loaded, and a gate at severity "+
			either(priorities[rank+1:])+" is blind to what they would see.")
	}
}

// either writes a list as a, b or c.
func either(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
