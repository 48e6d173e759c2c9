package verifier

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// schemaDir holds the schemas of events. They let members be added; here none may be
// there that they do not name.
const schemaDir = "../docs/schemas"

var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	ids := map[string]string{}
	for _, name := range []string{"verdict", "contradiction"} {
		data, err := os.ReadFile(filepath.Join(schemaDir, name+".v1.json"))
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		closeObjects(doc)
		ids[name] = doc.(map[string]any)["$id"].(string)
		if err := compiler.AddResource(ids[name], doc); err != nil {
			return nil, err
		}
	}
	compiled := map[string]*jsonschema.Schema{}
	for name, id := range ids {
		schema, err := compiler.Compile(id)
		if err != nil {
			return nil, err
		}
		compiled[name] = schema
	}
	return compiled, nil
})

// closeObjects has a schema take no members but those that it names, wherever it says
// which are required.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, names := s["required"].([]any); names {
			s["additionalProperties"] = false
		}
		for _, sub := range s {
			closeObjects(sub)
		}
	case []any:
		for _, sub := range s {
			closeObjects(sub)
		}
	}
}

// SchemaError says why data is not valid by the schema of that name; nil when it is.
func SchemaError(name string, data []byte) error {
	all, err := schemas()
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return all[name].Validate(value)
}

func TestGoldenVerdictsMatchTheirSchema(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.golden.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, SchemaError("verdict", data), file)
	}
}

// What a schema names is what Go writes: no more, no less, and what may be left out.
func TestSchemasNameWhatIsWritten(t *testing.T) {
	t.Parallel()
	all, err := schemas()
	require.NoError(t, err)
	for name, kind := range map[string]reflect.Type{"verdict": reflect.TypeFor[Verdict](), "contradiction": reflect.TypeFor[Contradiction]()} {
		compareSchema(t, name, all[name], kind, map[reflect.Type]bool{})
	}
}

// compareSchema compares a schema with a type, and all that they are made of.
func compareSchema(t *testing.T, path string, s *jsonschema.Schema, kind reflect.Type, seen map[reflect.Type]bool) {
	t.Helper()
	for s.Ref != nil {
		s = s.Ref
	}
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if kind.Kind() == reflect.Slice {
		items, ok := s.Items2020, s.Items2020 != nil
		require.True(t, ok, path)
		compareSchema(t, path+"[]", items, kind.Elem(), seen)
		return
	}
	if kind.Kind() != reflect.Struct || len(s.Properties) == 0 || seen[kind] {
		return
	}
	seen[kind] = true
	var properties, written, required, always []string
	for name := range s.Properties {
		properties = append(properties, name)
	}
	required = s.Required
	for _, f := range reflect.VisibleFields(kind) {
		name, options, tagged := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || !f.IsExported() {
			continue
		}
		written = append(written, name)
		if !tagged || !strings.Contains(options, "omitzero") {
			always = append(always, name)
		}
		if sub := s.Properties[name]; sub != nil {
			compareSchema(t, path+"."+name, sub, f.Type, seen)
		}
	}
	require.ElementsMatch(t, written, properties, path)
	require.ElementsMatch(t, always, required, "%s: required", path)
}

// A schema that takes anything would be none.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	all, err := schemas()
	require.NoError(t, err)
	data, err := os.ReadFile("testdata/another_sensor.golden.json")
	require.NoError(t, err)
	for name, spoil := range map[string]func(map[string]any){
		"an unknown member":         func(v map[string]any) { v["extra"] = 1 },
		"another verdict":           func(v map[string]any) { v["verdict"] = "maybe" },
		"passed that is no pass":    func(v map[string]any) { v["verdict"] = "fail" },
		"no namespace":              func(v map[string]any) { delete(v, "namespace") },
		"a time that is none":       func(v map[string]any) { v["evaluated_at"] = "yesterday" },
		"a count that is negative":  func(v map[string]any) { v["alert_count"] = -1 },
		"an unknown priority":       func(v map[string]any) { v["severity"] = "WARN" },
		"a duration without a unit": func(v map[string]any) { v["policy"].(map[string]any)["settling"] = "1" },
	} {
		var v map[string]any
		require.NoError(t, json.Unmarshal(data, &v))
		require.NoError(t, all["verdict"].Validate(v))
		spoil(v)
		require.Error(t, all["verdict"].Validate(v), name)
	}
}
