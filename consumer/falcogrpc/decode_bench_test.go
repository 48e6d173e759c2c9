package falcogrpc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// samples are one alert of a recording in three sizes: as Falco put it on the
// wire with json_output: true, as it does with json_output: false, and cut down to
// the fields and the text of a plain rule.
func samples(tb testing.TB) map[string][]byte {
	tb.Helper()
	all := make(map[string][]byte)
	for _, r := range responses(tb, "alert") {
		if r.Rule != "Read sensitive file untrusted" {
			continue
		}
		all["1.9kB"] = wireOf(tb, r)
		r.Output = outputText(r.Output)
		all["1.1kB"] = wireOf(tb, r)
		r.Output, _, _ = strings.Cut(r.Output, " proc_exepath=")
		for name := range r.OutputFields {
			if strings.HasPrefix(name, "proc.") && name != "proc.cmdline" && name != "proc.name" && name != "proc.pname" || strings.HasPrefix(name, "user.") && name != "user.name" {
				delete(r.OutputFields, name)
			}
		}
		all["0.7kB"] = wireOf(tb, r)
		break
	}
	require.Len(tb, all, 3)
	for size, b := range all {
		require.Equal(tb, size, fmt.Sprintf("%.1fkB", float64(len(b))/1000))
	}
	return all
}

// BenchmarkDecode compares Decode with client-go's generated code alone, without
// what would still have to be made of its result.
func BenchmarkDecode(b *testing.B) {
	for name, wire := range samples(b) {
		b.Run(name+"/by=hand", func(b *testing.B) {
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(wire); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/by=generated", func(b *testing.B) {
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			for b.Loop() {
				if err := proto.Unmarshal(wire, &outputs.Response{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
