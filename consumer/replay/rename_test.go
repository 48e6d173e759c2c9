package replay

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRename(t *testing.T) {
	for _, tt := range []struct{ name, in, to, want string }{
		{"hostname", `{"hostname":"node-a","rule":"r"}`, "edge", `{"hostname":"edge","rule":"r"}`},
		{"evt.hostname", `{"hostname":"node-a","output_fields":{"a":1,"evt.hostname":"node-a","z":"node-a"},"rule":"r"}`, "edge",
			`{"hostname":"edge","output_fields":{"a":1,"evt.hostname":"edge","z":"node-a"},"rule":"r"}`},
		{"fields before the hostname", `{"output_fields":{"evt.hostname":"a"},"hostname":"a"}`, "longer-than-it-was", `{"output_fields":{"evt.hostname":"longer-than-it-was"},"hostname":"longer-than-it-was"}`},
		{"no evt.hostname", `{"hostname":"node-a","output_fields":{"a":1}}`, "edge", `{"hostname":"edge","output_fields":{"a":1}}`},
		{"evt.hostname of another place", `{"hostname":"a","evt.hostname":"a","output_fields":{"x":{"evt.hostname":"a"}}}`, "b",
			`{"hostname":"b","evt.hostname":"a","output_fields":{"x":{"evt.hostname":"a"}}}`},
		{"null", `{"hostname":null,"output_fields":{"evt.hostname":null}}`, "edge", `{"hostname":"edge","output_fields":{"evt.hostname":"edge"}}`},
		{"none", `{"rule":"r","output_fields":{"evt.hostname":"a"}}`, "edge", `{"hostname":"edge","rule":"r","output_fields":{"evt.hostname":"edge"}}`},
		{"none at all", ` { } `, "edge", ` {"hostname":"edge" } `},
		{"twice", `{"hostname":"a","hostname":"b"}`, "c", `{"hostname":"c","hostname":"c"}`},
		{"output text stays", `{"hostname":"node-a","output":"on node-a"}`, "edge", `{"hostname":"edge","output":"on node-a"}`},
		{"spaces, escapes and order stay", `{ "\u0068ostname" : "a" , "x":"\u0031" }`, "b", `{ "\u0068ostname" : "b" , "x":"\u0031" }`},
		{"what needs quotes", `{"hostname":"a"}`, `nöde "1"\`, `{"hostname":"nöde \"1\"\\"}`},
		{"the longest", `{"hostname":"a"}`, strings.Repeat("x", 253), `{"hostname":"` + strings.Repeat("x", 253) + `"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Message{Time: at(t, "2026-11-23T06:26:43Z"), Line: 7, JSON: []byte(tt.in)}
			got, err := Rename(m, tt.to)
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got.JSON))
			require.Equal(t, tt.in, string(m.JSON), "the message given stays as it is")
			require.Equal(t, m.Time, got.Time)
			require.Equal(t, 7, got.Line)
		})
	}
}

// A recording under another name, and under its own again, is what it was.
func TestRenameARecording(t *testing.T) {
	events := 0
	for _, m := range recorded(t, "testdata/alert-truth.jsonl.gz") {
		require.Equal(t, "node-a", object(t, m.JSON)["hostname"])
		renamed, err := Rename(m, "edge-7")
		require.NoError(t, err)
		after := object(t, renamed.JSON)
		require.Equal(t, "edge-7", after["hostname"])
		if name, ok := after["output_fields"].(map[string]any)["evt.hostname"]; ok {
			require.Equal(t, "edge-7", name)
			events++
		}
		require.NotContains(t, string(renamed.JSON), `hostname":"node-a"`)
		back, err := Rename(renamed, "node-a")
		require.NoError(t, err)
		require.Equal(t, m, back)
	}
	require.Positive(t, events, "the data must have evt.hostname")
	for _, m := range recorded(t, "testdata/text-http.jsonl.gz") {
		same, err := Rename(m, "edge-7")
		require.NoError(t, err)
		require.Equal(t, m, same)
	}
}

func TestRenameRefuses(t *testing.T) {
	m := Message{JSON: []byte(`{"hostname":"a"}`)}
	for name, want := range map[string]string{
		"":                       "is empty",
		strings.Repeat("x", 254): "has 254 bytes, want at most 253",
		"a\xffb":                 `is no UTF-8: "a\xffb"`,
	} {
		got, err := Rename(m, name)
		require.ErrorContains(t, err, "rename a sensor: the hostname "+want)
		require.Zero(t, got)
	}
	for _, broken := range []string{`{"hostname":"a"`, `[]`, `{"output_fields":{"a"}}`} {
		got, err := Rename(Message{JSON: []byte(broken)}, "b")
		require.ErrorContains(t, err, "rename a sensor: ")
		require.Zero(t, got)
	}
}

// Whatever the line and the name: the message is under that name, and the same in
// all else.
func FuzzRename(f *testing.F) {
	for _, line := range seeds(f) {
		f.Add(line, "edge-7")
	}
	f.Add([]byte(`{"output":"no name","time":"2026-11-23T06:26:43Z"}`), "\"\\\u2028")
	f.Fuzz(func(t *testing.T, line []byte, name string) {
		m, err := NewReader(bytes.NewReader(line), "fuzz").Next()
		if err != nil {
			return
		}
		renamed, err := Rename(m, name)
		if err != nil {
			require.Error(t, CheckHostname(name), "%v", err)
			return
		}
		require.Equal(t, m.Text, renamed.Text)
		if m.JSON == nil {
			return
		}
		before, after := object(t, m.JSON), object(t, renamed.JSON)
		require.Equal(t, name, after["hostname"])
		delete(before, "hostname")
		delete(after, "hostname")
		if was, ok := before["output_fields"].(map[string]any); ok {
			if _, ok := was["evt.hostname"]; ok {
				was["evt.hostname"] = name
			}
		}
		require.Equal(t, before, after)
	})
}
