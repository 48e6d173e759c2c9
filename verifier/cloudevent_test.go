package verifier

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHeaderValue(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"shadow-1":           "shadow-1",
		"a b":                "a%20b",
		`say "no"`:           "say%20%22no%22",
		"100%":               "100%25",
		"Euro €":             "Euro%20%E2%82%AC",
		"\U0001F600":         "%F0%9F%98%80",
		"line\nce-id: x\r\n": "line%0Ace-id:%20x%0D%0A",
		"\x00\x1f\x7f\x80":   "%00%1F%7F%80",
		"~!#$&'()*+,/:;=?@[": "~!#$&'()*+,/:;=?@[",
	} {
		require.Equal(t, want, headerValue(in), "%q", in)
	}
}

// Whatever a namespace or an instance is called, a header holds printable ASCII
// without space, quote or a bare percent sign, and means the same.
func TestEventHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		namespace := rapid.String().Draw(t, "namespace")
		instance := rapid.String().Draw(t, "instance")
		v := &Verdict{ID: "4ef01218c702c2f2a839a267c48edbd4", Namespace: namespace, EvaluatedAt: time.Unix(0, 1).UTC()}
		header := eventHeader(eventSource(instance), v)
		for _, name := range []string{"ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "ce-datacontenttype"} {
			value, ok := header[name]
			require.True(t, ok, name)
			require.Equal(t, -1, strings.IndexFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' }), "%s: %q", name, value)
		}
		require.Len(t, header, 7)
		back, err := url.PathUnescape(header["ce-subject"])
		require.NoError(t, err)
		require.Equal(t, namespace, back)
		_, err = url.Parse(header["ce-source"])
		require.NoError(t, err)
		require.NotContains(t, header["ce-source"], "%")
		_, err = time.Parse(time.RFC3339Nano, header["ce-time"])
		require.NoError(t, err)
	})
}

func TestEventSource(t *testing.T) {
	require.Equal(t, "/falcogate/falcogate", eventSource(""))
	require.Equal(t, "/falcogate/gate-7d9f.falco_1", eventSource("gate-7d9f.falco_1"))
	require.Equal(t, "/falcogate/a-b-c-", eventSource("a b/c%"))
}
