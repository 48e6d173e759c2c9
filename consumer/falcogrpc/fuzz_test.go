package falcogrpc

import (
	"bytes"
	"strings"
	"testing"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/falcogate/falcogate/consumer"
)

// seeds are the first message of each rule in each recording.
func seeds(tb testing.TB) (all [][]byte) {
	for name := range grpcRecordings {
		seen := map[string]bool{}
		for _, r := range responses(tb, name) {
			if !seen[r.Rule] {
				all = append(all, wireOf(tb, r))
			}
			seen[r.Rule] = true
		}
	}
	return all
}

func TestFuzzSeedsAreThere(t *testing.T) { require.Equal(t, 78, len(seeds(t))) } //nolint:testifylint // Len prints them all

// FuzzDecode holds Decode to client-go's generated code: both accept the same
// messages and make the same alert of them.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	r := response()
	r.Source = ""
	f.Add(wireOf(f, r))
	f.Add(append(wireOf(f, r), field(fieldTime, string(varint(2, 5)))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		have, err := Decode(b)
		require.True(t, bytes.Equal(before, b), "the input was changed")
		want, slowErr := fromGenerated(b)
		if documentOrder(b) {
			// Whether it is a document is decided by its beginning; the slow way
			// reads all of it.
			if err == nil {
				require.NoError(t, consumer.Check(have))
			}
			return
		}
		if err != nil {
			var m *consumer.MalformedError
			require.ErrorAs(t, err, &m)
			require.Error(t, slowErr, "refused: %v", err)
			require.Nil(t, have)
			return
		}
		require.NoError(t, slowErr)
		require.Equal(t, want, have)
		require.Equal(t, want.ID(), have.ID())
	})
}

// documentOrder reports whether output begins as a JSON document does.
func documentOrder(b []byte) bool {
	r := &outputs.Response{}
	return proto.Unmarshal(b, r) == nil && strings.HasPrefix(r.Output, "{")
}

// FuzzOutputText holds the quick reading of the document's beginning to the full
// one, for documents that are alerts.
func FuzzOutputText(f *testing.F) {
	n := 0
	for name := range grpcRecordings {
		all := responses(f, name)
		for _, r := range all[:min(len(all), 5)] {
			f.Add(r.Output)
			n++
		}
	}
	require.Equal(f, 65, n)
	f.Fuzz(func(t *testing.T, s string) {
		have := outputText(s)
		if a, err := consumer.DecodeJSON([]byte(s)); err == nil && strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
			require.Equal(t, a.Output, have)
		}
	})
}
