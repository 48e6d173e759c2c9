package eventlog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
)

func TestEncodeName(t *testing.T) {
	long := strings.Repeat("n", 253)
	tests := []struct {
		name, encoded string
		whole         bool
	}{
		{"", "_", true},
		{"node-1", "node-1", true},
		{"ip-10-0-0-1.eu-west-1.compute.internal", "ip-10-0-0-1=2Eeu-west-1=2Ecompute=2Einternal", true},
		{"_", "=5F", true},
		{"=", "=3D", true},
		{"=5F", "=3D5F", true},
		{"*", "=2A", true},
		{">", "=3E", true},
		{"a b\tc\r\n", "a=20b=09c=0D=0A", true},
		{"größe", "gr=C3=B6=C3=9Fe", true},
		{"\x00\xff", "=00=FF", true},
		{"~", "=7E", true},
		{long, long, true},
		{long + "a", long + "=~3ad6ac3f3dbee8a9", false},
		{long + "b", long + "=~", false},
	}
	for _, tt := range tests {
		t.Run(tt.encoded, func(t *testing.T) {
			encoded := eventlog.EncodeName(tt.name)
			if tt.whole {
				require.Equal(t, tt.encoded, encoded)
			} else {
				require.Regexp(t, `^n{253}=~[0-9a-f]{16}$`, encoded)
			}
			decoded, whole, err := eventlog.DecodeName(encoded)
			require.NoError(t, err)
			require.Equal(t, tt.whole, whole)
			require.Equal(t, tt.name[:min(len(tt.name), 253)], decoded)
		})
	}
	require.NotEqual(t, eventlog.EncodeName(long+"a"), eventlog.EncodeName(long+"b"), "cut names stay apart")
}

func TestDecodeNameRefuses(t *testing.T) {
	for _, token := range []string{
		"", "a_", "_a", "__", "a.b", "*", ">", " ", "=", "=4", "=2e", "=41", "=zz", "a=", "=~", "a=~0123456789abcdef",
		"=~0123456789abcdef", strings.Repeat("n", 254), strings.Repeat("n", 253) + "=~0123456789ABCDEF",
		strings.Repeat("n", 253) + "=~0123", "ü",
	} {
		_, _, err := eventlog.DecodeName(token)
		require.Error(t, err, token)
	}
}

func TestEncodeNameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkName(t, string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "name")))
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"", "_", "node-1", "a.b", "=2E", "=~", strings.Repeat("é", 200), "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkName(t, s)
		// What decodes is what would be encoded.
		if name, whole, err := eventlog.DecodeName(s); err == nil && whole {
			require.Equal(t, s, eventlog.EncodeName(name))
		}
	})
}

func checkName(t require.TestingT, name string) {
	token := eventlog.EncodeName(name)
	require.Regexp(t, `^[A-Za-z0-9=_~-]+$`, token, "one token, without wildcards")
	require.LessOrEqual(t, len(token), 3*253+18)
	decoded, whole, err := eventlog.DecodeName(token)
	require.NoError(t, err)
	if whole {
		require.Equal(t, name, decoded)
	} else {
		require.Equal(t, name[:253], decoded)
	}
}

func TestLogSubject(t *testing.T) {
	alert := func(ns, container string) *correlate.Alert {
		fields := []correlate.Field{{Name: "container.id", Value: container}}
		if ns != "" {
			fields = append(fields, correlate.Field{Name: "k8s.ns.name", Value: ns})
		}
		return &correlate.Alert{Hostname: "node.one", Priority: correlate.Warning, OutputFields: correlate.NewFields(fields)}
	}
	tests := map[string]correlate.Body{
		"falcogate.log.alert.shop-shadow.warning.node=2Eone": alert("shop-shadow", "abc"),
		"falcogate.log.alert._.warning.node=2Eone":           alert("", "host"),
		"falcogate.log.alert.=2A=2E=3E.warning.node=2Eone":   alert("*.>", "abc"),
		"falcogate.log.snapshot.node-1":                      &correlate.Snapshot{Hostname: "node-1"},
		"falcogate.log.ruleset.node-1":                       &correlate.Ruleset{Hostname: "node-1"},
		"falcogate.log.drop.node-1":                          &correlate.Drop{Hostname: "node-1"},
		"falcogate.log.timeout.node-1":                       &correlate.Timeout{Hostname: "node-1"},
		"falcogate.log.internal.node-1":                      &correlate.Internal{Hostname: "node-1"},
		"falcogate.log.malformed._":                          &correlate.Malformed{},
		"falcogate.log.placement._":                          &correlate.Placement{Pod: "web-1", Node: "node-1"},
		"falcogate.log.watch._":                              &correlate.Watch{},
	}
	for want, body := range tests {
		require.Equal(t, want, eventlog.LogSubject(&correlate.Record{Body: body}))
	}
	require.Equal(t, "falcogate.verdict.shop-shadow.fail", eventlog.VerdictSubject("shop-shadow", "fail"))
	require.Equal(t, "falcogate.verdict._.inconclusive", eventlog.VerdictSubject("", "inconclusive"))
}
