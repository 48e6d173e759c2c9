package access

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/falcogate/falcogate/internal/bearer"
)

// Parse reads an auth file: YAML, or JSON, which is YAML. The error names the line
// and what is wanted there, and holds no token. A file that grants nothing at all
// must say so: callers: [].
func Parse(data []byte) (*File, error) {
	root, err := document(data)
	if err != nil {
		return nil, err
	}
	top, err := members(root, "the file", "callers")
	if err != nil {
		return nil, err
	}
	callers := top["callers"]
	if callers == nil || callers.Kind != yaml.SequenceNode {
		return nil, errors.New("want callers: a list of who may ask (see docs/access.md)")
	}
	f := &File{users: map[string][]*grant{}, groups: map[string][]*grant{}}
	for _, item := range callers.Content {
		if err := f.add(resolve(item)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// yamlLine finds the one thing of the parser's errors that holds nothing of the
// file.
var yamlLine = regexp.MustCompile(`^yaml: (line \d+):`)

// document is the one document of a file.
func document(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var first, more yaml.Node
	err := dec.Decode(&first)
	if errors.Is(err, io.EOF) || err == nil && len(first.Content) == 0 {
		return nil, errors.New("want callers: a list of who may ask, have an empty file; nobody is callers: []")
	}
	if err == nil {
		if err = dec.Decode(&more); err == nil {
			return nil, errors.New("want one YAML document, have several")
		}
	}
	if errors.Is(err, io.EOF) {
		return resolve(first.Content[0]), nil
	}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return nil, fmt.Errorf("broken YAML at %s", m[1])
	}
	return nil, errors.New("broken YAML")
}

// resolve is what an alias stands for, else the node itself.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// members are the values of a mapping by key, each key once and one of known. What
// is set to nothing is an error: it is a variable that was not filled in.
func members(n *yaml.Node, what string, known ...string) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: want %s to be a mapping of %s", n.Line, what, list(known))
	}
	found := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), resolve(n.Content[i+1])
		name := ""
		for _, k := range known {
			if key.Kind == yaml.ScalarNode && key.Value == k {
				name = k
			}
		}
		switch {
		case name == "":
			return nil, fmt.Errorf("line %d: unknown key %s: want %s", key.Line, shown(key), list(known))
		case found[name] != nil:
			return nil, fmt.Errorf("line %d: %s is given twice", key.Line, name)
		case value.Kind == yaml.ScalarNode && (value.Tag == "!!null" || value.Value == ""):
			return nil, fmt.Errorf("line %d: %s has no value", key.Line, name)
		}
		found[name] = value
	}
	return found, nil
}

// shown is a key for a message, if it is short: a long one may be a token that was
// put in the wrong place.
func shown(key *yaml.Node) string {
	if key.Kind != yaml.ScalarNode || len(key.Value) >= bearer.MinSecret {
		return "(not shown)"
	}
	return fmt.Sprintf("%q", key.Value)
}

// list joins words: "a, b or c".
func list(words []string) string {
	text := ""
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			text += " or "
		default:
			text += ", "
		}
		text += w
	}
	return text
}

// text is a scalar.
func text(n *yaml.Node, name string) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("line %d: want one value for %s", n.Line, name)
	}
	return n.Value, nil
}

// texts is a list of scalars with at least one.
func texts(n *yaml.Node, name string) ([]string, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, fmt.Errorf("line %d: want a list for %s, with at least one element", n.Line, name)
	}
	all := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		item = resolve(item)
		s, err := text(item, "each element of "+name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
