package falcoconfig

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// checker looks settings up in a document and collects findings.
type checker struct {
	*document
	findings []Finding
	said     map[string]bool // paths of what can't be read, and was said so
	// underneath is set when the chart's own metrics are off and those of Falco
	// are set underneath falco, in the names of falco.yaml.
	underneath bool
}

// reading is what a document says of one setting.
type reading struct {
	path  string     // from the document's root
	node  *yaml.Node // nil when it is not set
	unset string     // what holds then
	shown string     // what to show instead of what it is set to; empty: nothing
	// doubtful: it is set to what Falco can't read, which is found fault with
	// already, or to what only Falco's environment knows.
	doubtful bool
}

// now says what the setting is.
func (r reading) now() string {
	switch {
	case r.shown != "":
		return r.shown
	case r.node != nil:
		return describe(r.node)
	case r.unset != "":
		return "not set (default " + r.unset + ")"
	}
	return "not set"
}

// read looks a setting up. A null counts as not set.
func (k *checker) read(s setting) reading {
	r := reading{path: s.path(k.shape), unset: s.unset(k.shape)}
	if k.underneath && strings.HasPrefix(s.name, "metrics.") {
		r.path, r.unset = "falco."+s.name, s.preset
	}
	if n := k.find(r.path); n != nil && !isNull(n) {
		r.node = n
	}
	return r
}

// text reads a setting as a text. One that is not set is what holds by default.
func (k *checker) text(s setting, want string) (string, reading) {
	r := k.read(s)
	switch {
	case r.node == nil:
		return r.unset, r
	case r.node.Kind != yaml.ScalarNode:
		k.unreadable(&r, want)
		return r.unset, r
	}
	if strings.Contains(r.node.Value, "${") {
		k.doubt(SeverityWarning, &r, want, "Falco takes this from an environment variable, which can't be seen here.")
	}
	return r.node.Value, r
}

// boolean reads a setting that is on or off. One that comes from the environment
// counts as on.
func (k *checker) boolean(s setting, want bool) (bool, reading) {
	text, r := k.text(s, strconv.FormatBool(want))
	if r.doubtful {
		return true, r
	}
	on, ok := parseBool(text)
	if !ok {
		k.unreadable(&r, strconv.FormatBool(want))
		on, _ = parseBool(r.unset)
	}
	return on, r
}

// number reads a setting that is a whole number from 0 up.
func (k *checker) number(s setting, want string) (uint64, reading) {
	text, r := k.text(s, want)
	if r.doubtful {
		return 0, r
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		k.unreadable(&r, want)
	}
	return n, r
}

// unreadable says that a setting is not what Falco can read. It then runs with
// the default, without a word.
func (k *checker) unreadable(r *reading, want string) {
	why := "Falco can't read this value"
	if r.unset != "" {
		why += " and silently takes its default, " + r.unset
	}
	k.doubt(SeverityError, r, want, why+".")
}

// doubt says, once, why nothing else can be said of a setting.
func (k *checker) doubt(severity Severity, r *reading, want, why string) {
	r.doubtful = true
	if !k.said[r.path] {
		k.said[r.path] = true
		k.add(severity, *r, want, why)
	}
}

// add adds a finding about a setting and the value that it should have.
func (k *checker) add(severity Severity, r reading, want, why string) {
	k.addSnippet(severity, r, snippet(k.prefix+r.path, want), why)
}

// addSnippet is add with the YAML that is wanted, as it is.
func (k *checker) addSnippet(severity Severity, r reading, want, why string) {
	f := Finding{Severity: severity, Setting: k.prefix + r.path, Now: r.now(), Want: want, Why: why}
	if r.node != nil {
		f.Line = r.node.Line
	}
	k.findings = append(k.findings, f)
}

// find returns what stands at a path, or nil. What makes it unclear what stands
// there is found fault with once.
func (k *checker) find(path string) *yaml.Node {
	at := k.root
	walked := ""
	for key := range strings.SplitSeq(path, ".") {
		if at.Kind != yaml.MappingNode {
			if !isNull(at) {
				k.addOnce(walked, at, describe(at), "has to be a map",
					"Settings of Falco stand in this map, and there is none.")
			}
			return nil
		}
		if at = k.value(at, walked, key); at == nil {
			return nil
		}
		walked = below(walked, key)
	}
	return at
}

// value returns what key is set to in the map at path, or nil.
func (k *checker) value(m *yaml.Node, path, key string) (value *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		switch name := m.Content[i]; {
		case name.Tag == "!!merge":
			k.addOnce(below(path, "<<"), name, "a merge key", "has to go: write the settings out",
				"It may bring settings that are not seen here, and Falco itself does not follow it.")
		case name.Value != key:
		case value != nil:
			k.addOnce(below(path, key), name, "set again", "has to be set once",
				fmt.Sprintf("It is set at line %d already, and which of them holds depends on who reads the file.", value.Line))
		default:
			value = resolve(m.Content[i+1])
		}
	}
	return value
}

func below(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }

// addOnce adds an error about the form of what stands at a path, once for each.
func (k *checker) addOnce(path string, n *yaml.Node, now, want, why string) {
	if k.said[path] {
		return
	}
	k.said[path] = true
	k.findings = append(k.findings, Finding{
		Severity: SeverityError, Setting: k.prefix + path, Line: n.Line, Now: now, Want: "# " + k.prefix + path + " " + want, Why: why,
	})
}
