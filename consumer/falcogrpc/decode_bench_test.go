package falcogrpc

import (
	"testing"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"google.golang.org/protobuf/proto"
)

// sample is an alert of a recording, as json_output: true and false put it on
// the wire.
func sample(tb testing.TB, jsonOutput bool) []byte {
	tb.Helper()
	for _, r := range responses(tb, "alert") {
		if r.Rule != "Read sensitive file untrusted" {
			continue
		}
		if !jsonOutput {
			r.Output = outputText(r.Output)
		}
		return wireOf(tb, r)
	}
	tb.Fatal("the recording has no such alert")
	return nil
}

// BenchmarkDecode compares Decode with client-go's generated code alone, without
// what would still have to be made of its result.
func BenchmarkDecode(b *testing.B) {
	for name, jsonOutput := range map[string]bool{"json_output=false": false, "json_output=true": true} {
		wire := sample(b, jsonOutput)
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
