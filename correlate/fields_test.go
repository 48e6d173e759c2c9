package correlate

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNewFields(t *testing.T) {
	tests := []struct {
		name     string
		in, want []Field
	}{
		{"none", nil, nil},
		{"sorted already", []Field{{"a", "1"}, {"b", "2"}}, []Field{{"a", "1"}, {"b", "2"}}},
		{"sorts", []Field{{"b", "2"}, {"a", "1"}}, []Field{{"a", "1"}, {"b", "2"}}},
		{"last wins", []Field{{"a", "1"}, {"b", "2"}, {"a", "3"}}, []Field{{"a", "3"}, {"b", "2"}}},
		{"last wins in sorted input", []Field{{"a", "1"}, {"a", "2"}}, []Field{{"a", "2"}}},
		{"not available", []Field{{"a", "<NA>"}, {"b", "2"}}, []Field{{"b", "2"}}},
		{"last wins though not available", []Field{{"a", "1"}, {"a", "<NA>"}}, nil},
		{"empty is a value", []Field{{"a", ""}}, []Field{{"a", ""}}},
		{"event time", []Field{{"evt.time", "1"}, {"evt.time.iso8601", "2"}, {"evt.time.s", "3"}}, []Field{{"evt.time.s", "3"}}},
		{"case counts", []Field{{"a", "<na>"}, {"A", "1"}}, []Field{{"A", "1"}, {"a", "<na>"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			have := NewFields(slices.Clone(tt.in))
			require.ElementsMatch(t, tt.want, []Field(have))
			require.True(t, slices.EqualFunc(tt.want, have, func(a, b Field) bool { return a == b }), "in order")
		})
	}
}

// Normal form does not depend on the order of names, is kept by doing it again,
// and has the values that a map would have.
func TestNewFieldsProperty(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c", "evt.time", "evt.type", "k8s.ns.name", ""})
	value := rapid.SampledFrom([]string{"", "1", "2", NotAvailable})
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Field { return Field{name.Draw(t, "name"), value.Draw(t, "value")} })).Draw(t, "fields")
		want := map[string]string{}
		for _, f := range in {
			want[f.Name] = f.Value
		}
		maps.DeleteFunc(want, func(n, v string) bool { return v == NotAvailable || n == "evt.time" })

		have := NewFields(slices.Clone(in))
		require.Len(t, have, len(want))
		for i, f := range have {
			require.Equal(t, want[f.Name], f.Value)
			require.True(t, i == 0 || have[i-1].Name < f.Name, "sorted, each once")
			v, ok := have.Get(f.Name)
			require.True(t, ok)
			require.Equal(t, f.Value, v)
		}
		require.Equal(t, have, NewFields(slices.Clone(have)))
		_, ok := have.Get("z")
		require.False(t, ok)
	})
}
