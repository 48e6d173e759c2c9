package consumer

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// seeds are the first message of each rule in each stream of the recordings, as
// Falco writes and POSTs them, and two lines of the text output.
func seeds(tb testing.TB) (all [][]byte) {
	for _, stream := range []string{"truth", "http"} {
		for _, lines := range recordings(tb, stream) {
			seen := map[string]bool{}
			for _, line := range lines {
				rule := ""
				if a, err := DecodeJSON(line); err == nil {
					rule = a.Rule
				}
				if !seen[rule] {
					all = append(all, line)
				}
				seen[rule] = true
			}
		}
	}
	return all
}

func TestFuzzSeedsAreThere(t *testing.T) { require.Equal(t, 168, len(seeds(t))) } //nolint:testifylint // Len prints them all

// FuzzDecodeJSON holds DecodeJSON to what it promises for any input: it returns
// an alert that passes Check and is in normal form, or a *MalformedError; and
// what it accepts is strict JSON.
func FuzzDecodeJSON(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Add([]byte(goodMessage))
	f.Add([]byte(`{"output_fields":{"a":["",1,null,{}],"b":[[]]},"hostname":"h"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		a, err := DecodeJSON(line)
		require.Equal(t, before, line, "the input was changed")
		if err != nil {
			var m *MalformedError
			require.ErrorAs(t, err, &m)
			require.Nil(t, a)
			require.NotEmpty(t, m.Reason)
			require.Equal(t, m.Class, m.Class.bounded())
			require.LessOrEqual(t, len(m.Hostname), maxNameBytes)
			require.True(t, utf8.ValidString(m.Hostname))
			return
		}
		require.True(t, jsontext.Value(line).IsValid())
		require.NoError(t, Check(a))
		for i, x := range a.OutputFields {
			require.True(t, i == 0 || a.OutputFields[i-1].Name < x.Name)
			require.NotEqual(t, correlate.NotAvailable, x.Value)
			require.True(t, utf8.ValidString(x.Name) && utf8.ValidString(x.Value))
		}
		again, err := DecodeJSON(line)
		require.NoError(t, err)
		require.Equal(t, a, again)
		require.Equal(t, a.ID(), again.ID())

		// Whatever was decoded can be classified, or is malformed.
		if _, _, err := classify(a); err != nil {
			var m *MalformedError
			require.ErrorAs(t, err, &m)
		}
	})
}

func BenchmarkDecodeJSON(b *testing.B) {
	for _, name := range []string{"alert", "snapshot"} {
		b.Run(name, func(b *testing.B) {
			var line []byte
			for _, l := range recordings(b, "truth")["alert"] {
				if bytes.Contains(l, []byte("metrics snapshot")) == (name == "snapshot") {
					line = l
				}
			}
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeJSON(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
