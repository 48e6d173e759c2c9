package falcogrpc

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// Whatever alert Falco writes to its file, what it sends for it over gRPC decodes
// to the same, with the same identity.
func TestFileAndGRPCGiveTheSameAlert(t *testing.T) {
	value := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Uint64(), func(n uint64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.SliceOf(rapid.String()), func(l []string) any { return l }),
		rapid.SampledFrom([]any{nil, "<NA>", "", 0.0, 378.3}),
	)
	name := rapid.OneOf(
		rapid.StringMatching(`(proc|fd|container|k8s)\.[a-z]{1,12}(\.[a-z]{1,5})?`), rapid.String(),
		rapid.SampledFrom([]string{"evt.time", "evt.time.iso8601", "evt.times", "container.id"}),
	)
	text := rapid.OneOf(rapid.StringN(1, 40, 200), rapid.StringMatching(`[A-Za-z ]{1,40}`))
	rapid.Check(t, func(t *rapid.T) {
		doc := map[string]any{
			"hostname": text.Draw(t, "hostname"),
			"priority": rapid.SampledFrom(correlate.Priorities[:]).Draw(t, "priority").String(),
			"rule":     text.Draw(t, "rule"),
			"source":   rapid.SampledFrom([]string{"syscall", "k8s_audit", "internal", "aws_cloudtrail"}).Draw(t, "source"),
			"time":     time.Unix(0, rapid.Int64Min(0).Draw(t, "time")).UTC().Format("2006-01-02T15:04:05.000000000Z"),
		}
		for key, v := range map[string]any{
			"output":        rapid.String().Draw(t, "output"),
			"message":       rapid.String().Draw(t, "message"),
			"tags":          rapid.SliceOf(rapid.String()).Draw(t, "tags"),
			"output_fields": rapid.MapOfN(name, value, 0, 45).Draw(t, "fields"),
		} {
			if rapid.Bool().Draw(t, "with "+key) {
				doc[key] = v
			}
		}
		line, err := json.Marshal(doc, json.Deterministic(true)) // Falco sorts the keys
		require.NoError(t, err)

		fromFile, err := consumer.DecodeJSON(line)
		require.NoError(t, err)
		r, err := responseOf(line)
		require.NoError(t, err)
		overGRPC, err := Decode(wireOf(t, r))
		require.NoError(t, err)
		require.Equal(t, fromFile, overGRPC)
		require.Equal(t, fromFile.ID(), overGRPC.ID())
	})
}
