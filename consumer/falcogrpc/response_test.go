package falcogrpc

import (
	"testing"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/falcogate/falcogate/consumer"
)

// What the Server sends for a line of Falco's file is what Falco itself sent
// over gRPC for the same alert.
func TestResponsesAreFalcos(t *testing.T) {
	type key struct {
		rule string
		at   time.Time
		text string
	}
	compared := 0
	for name := range grpcRecordings {
		ours := make(map[key]*outputs.Response)
		for _, line := range readLines(t, name, "truth") {
			r, err := responseOf(line)
			require.NoError(t, err)
			ours[key{r.Rule, r.Time.AsTime(), r.Output}] = r
		}
		for _, falcos := range responses(t, name) {
			have := ours[key{falcos.Rule, falcos.Time.AsTime(), falcos.Output}]
			require.NotNil(t, have, "%s: no line for %s", name, falcos.Output)
			if !proto.Equal(falcos, have) {
				require.Equal(t, protojson.Format(falcos), protojson.Format(have))
			}
			compared++
		}
	}
	require.Equal(t, 2386, compared)
}

func TestResponseOfWhatTheRecordingsDoNotHave(t *testing.T) {
	r, err := responseOf([]byte(`{"hostname":"h","output_fields":{"a":true,"b":[1,"x"],"c":null,"evt.time":5,"evt.time.iso8601":"t","d":"<NA>"},` +
		`"priority":"Emergency","rule":"R","source":"github","time":"2026-11-23T06:26:40Z"}`))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "true", "b": "(1,x)", "c": "<NA>", "d": "<NA>"}, r.OutputFields)
	require.Equal(t, "PLUGIN", r.SourceDeprecated.String()) //nolint:staticcheck // Falco still sends it
	require.Equal(t, "github", r.Source)
	require.Zero(t, r.Priority)

	_, err = responseOf([]byte(`06:26:40: Notice text`))
	var m *consumer.MalformedError
	require.ErrorAs(t, err, &m)
	require.Equal(t, consumer.ClassText, m.Class)
}
