package consumer

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// TestGolden shows what becomes of each kind of message. After a change, run it
// with -update and commit only a difference that you understand.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/messages/*.json")
	require.NoError(t, err)
	require.Len(t, paths, 8)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			log := &memoryLog{}
			in, err := NewIntake(IntakeOptions{Log: log})
			require.NoError(t, err)
			a, err := DecodeJSON(raw)
			require.NoError(t, err)
			m := Message{Transport: TransportFile, Peer: path, Received: time.Unix(1795415300, 0).UTC(), Raw: raw}
			require.NoError(t, in.Accept(t.Context(), m, a))

			var b strings.Builder
			for _, r := range log.all() {
				fmt.Fprintf(&b, "%s %s from %s\n", r.Body.Kind(), r.ID, r.Body.Sensor())
				dump(&b, reflect.ValueOf(r.Body).Elem())
			}
			golden := strings.TrimSuffix(path, ".json") + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
		})
	}
}

// dump writes a body's fields, one a line.
func dump(b *strings.Builder, v reflect.Value) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch x := v.Field(i).Interface().(type) {
		case correlate.Fields:
			dumpFields(b, name, x)
		case []correlate.Field:
			dumpFields(b, name, x)
		case []string:
			fmt.Fprintf(b, "  %s: %d\n", name, len(x))
			for _, s := range x {
				fmt.Fprintf(b, "    %q\n", s)
			}
		case string:
			fmt.Fprintf(b, "  %s: %q\n", name, x)
		default:
			fmt.Fprintf(b, "  %s: %+v\n", name, x)
		}
	}
}

func dumpFields(b *strings.Builder, name string, fields []correlate.Field) {
	fmt.Fprintf(b, "  %s: %d\n", name, len(fields))
	for _, f := range fields {
		fmt.Fprintf(b, "    %s = %q\n", f.Name, f.Value)
	}
}
