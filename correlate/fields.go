package correlate

import (
	"slices"
	"strings"
)

// NotAvailable is what Falco writes over gRPC for a value that it does not
// have; over HTTP and in files the same value is JSON null.
const NotAvailable = "<NA>"

// Field is one of an alert's output fields, such as proc.name. Numbers are kept
// as the digits that Falco wrote: evt.time and its like are above 2^53.
type Field struct {
	Name, Value string
}

// Fields are an alert's output fields in normal form: sorted by name, each name
// once, without values that Falco did not have. Make them with NewFields.
type Fields []Field

// NewFields brings fields into normal form. It takes over the slice and
// reorders it in place. What differs between Falco's outputs for the same alert
// is left out: values that are "<NA>", and evt.time and evt.time.iso8601, which
// only the JSON outputs add and which repeat Alert.Time. Of a name that comes
// more than once the last value wins, as in a protobuf map.
func NewFields(fields []Field) Fields {
	byName := func(a, b Field) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(fields, byName) {
		slices.SortStableFunc(fields, byName)
	}
	kept := fields[:0]
	for i, f := range fields {
		last := i+1 == len(fields) || fields[i+1].Name != f.Name
		if last && f.Value != NotAvailable && f.Name != "evt.time" && f.Name != "evt.time.iso8601" {
			kept = append(kept, f)
		}
	}
	return kept
}

// Get returns the value of the field called name, and whether it is there.
func (f Fields) Get(name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(f, name, func(x Field, n string) int { return strings.Compare(x.Name, n) })
	if !ok {
		return "", false
	}
	return f[i].Value, true
}

// first returns the first value among names that is there and not empty.
func (f Fields) first(names ...string) string {
	for _, n := range names {
		if v, ok := f.Get(n); ok && v != "" {
			return v
		}
	}
	return ""
}
