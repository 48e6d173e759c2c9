package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "bundle the schemas of docs/schemas into openapi.json anew")

// What docs/schemas has is bundled, and not said twice.
func TestDescriptionBundlesTheSchemas(t *testing.T) {
	want := map[string]any{}
	for _, file := range []string{"verdict", "contradiction"} {
		data, err := os.ReadFile("../../docs/schemas/" + file + ".v1.json")
		require.NoError(t, err)
		var schema map[string]any
		require.NoError(t, json.Unmarshal(data, &schema))
		defs, _ := schema["$defs"].(map[string]any)
		for _, member := range []string{"$schema", "$id", "$defs"} {
			delete(schema, member)
		}
		want[bundledName(file)] = bundled(schema)
		for name, def := range defs {
			want[bundledName("$"+name)] = bundled(def)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile("openapi.json", withSchemas(t, want), 0o644))
		return
	}
	for name, schema := range want {
		require.Equal(t, schema, at[any](t, "components", "schemas", name), "%s: run go test ./verifier/httpapi -run TestDescriptionBundles -update", name)
	}
}

// withSchemas is the description with other schemas, in its own order.
func withSchemas(t *testing.T, schemas map[string]any) []byte {
	t.Helper()
	data, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	var out bytes.Buffer
	in, to := jsontext.NewDecoder(bytes.NewReader(data)), jsontext.NewEncoder(&out, jsontext.WithIndent("  "))
	for {
		tok, err := in.ReadToken()
		if errors.Is(err, io.EOF) {
			return out.Bytes()
		}
		require.NoError(t, err)
		require.NoError(t, to.WriteToken(tok))
		name, within := strings.CutPrefix(string(in.StackPointer()), "/components/schemas/")
		schema, ours := schemas[name]
		if !within || !ours {
			continue
		}
		require.NoError(t, in.SkipValue())
		value, err := json.Marshal(schema)
		require.NoError(t, err)
		require.NoError(t, to.WriteValue(value))
	}
}

// bundledName is what a schema, or with $ before it a part of one, is called in the
// description.
func bundledName(name string) string {
	switch name {
	case "$gate", "$baseline":
		return "Verdict" + bundledName(name[1:])
	case "$id":
		return "VerdictID"
	}
	out := ""
	for word := range strings.SplitSeq(strings.TrimPrefix(name, "$"), "_") {
		out += strings.ToUpper(word[:1]) + word[1:]
	}
	return out
}

// bundled is a schema whose references are to the description.
func bundled(schema any) any {
	switch s := schema.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range s {
			if text, ok := value.(string); ok && name == "$ref" {
				_, def, _ := strings.Cut(text, "#/$defs/")
				out[name] = "#/components/schemas/" + bundledName("$"+def)
				continue
			}
			out[name] = bundled(value)
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i := range s {
			out[i] = bundled(s[i])
		}
		return out
	}
	return schema
}
