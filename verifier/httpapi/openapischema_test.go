package httpapi_test

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// The description as it is, and its schemas, which here take no members but those that
// they name.
var description = sync.OnceValue(readDescription)

var compiler = sync.OnceValue(func() *jsonschema.Compiler {
	doc := readDescription()
	closeObjects(doc["components"])
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		panic(err)
	}
	return c
})

func readDescription() (doc map[string]any) {
	data, err := os.ReadFile("openapi.json")
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	if err != nil {
		panic(err)
	}
	return doc
}

// closeObjects has schemas take no members but those that they name, but for what
// Flagger may add to a hook.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, names := s["required"].([]any); names && s["properties"] != nil && s["additionalProperties"] == nil {
			s["additionalProperties"] = false
		}
		for name, sub := range s {
			if !strings.HasPrefix(name, "Flagger") {
				closeObjects(sub)
			}
		}
	case []any:
		for _, sub := range s {
			closeObjects(sub)
		}
	}
}

var compiling sync.Mutex

// validate says why a value is not valid by the schema at a JSON pointer.
func validate(pointer string, value any) error {
	compiling.Lock()
	schema, err := compiler().Compile("openapi.json" + pointer)
	compiling.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// at is the part of the description at a path.
func at[T any](t *testing.T, path ...string) T {
	t.Helper()
	var part any = description()
	for i, name := range path {
		members, ok := part.(map[string]any)
		require.True(t, ok, path[:i])
		part, ok = members[name]
		require.True(t, ok, "%v is not in the description", path[:i+1])
	}
	out, ok := part.(T)
	require.True(t, ok, "%v: %T", path, part)
	return out
}

func list(v any) []any { l, _ := v.([]any); return l }

// resolved is a part of the description behind its reference.
func resolved(t *testing.T, part any) map[string]any {
	t.Helper()
	for {
		members, ok := part.(map[string]any)
		require.True(t, ok)
		ref, ok := members["$ref"].(string)
		if !ok {
			return members
		}
		part = at[any](t, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
}

// pointerTo is the JSON pointer of a part, behind its references, as a fragment.
func pointerTo(path ...string) string {
	var part any = description()
	var whole []string
	for _, name := range path {
		part = part.(map[string]any)[name]
		whole = append(whole, name)
		for {
			ref, ok := part.(map[string]any)["$ref"].(string)
			if !ok {
				break
			}
			part, whole = description(), nil
			for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				part = part.(map[string]any)[name]
				whole = append(whole, name)
			}
		}
	}
	pointer := "#"
	for _, name := range whole {
		pointer += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return pointer
}
