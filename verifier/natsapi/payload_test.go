package natsapi

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever comes makes a request that stays on its endpoint's path, or an error.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"ns":"shop","since":"10m","limit":5}`, `{"id":"g/../x?y#z"}`, `{"label":["a=b","c=d"],"x":[1,{"y":null}]}`,
		`{"id":"g","end":1764111600.5}`, `{"ns":"a","ns":"b"}`, `[1]`, "{\"\xff\":1}", `{"a":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for i := range endpoints {
			e := &endpoints[i]
			target, body, err := e.request(payload)
			if err != nil {
				require.NotEmpty(t, err.Error())
				continue
			}
			u, err := url.ParseRequestURI(target)
			require.NoError(t, err)
			before, after, _ := strings.Cut(e.path, "{id}")
			require.True(t, strings.HasPrefix(u.EscapedPath(), before) && strings.HasSuffix(u.EscapedPath(), after))
			require.Equal(t, strings.Count(e.path, "/"), strings.Count(u.EscapedPath(), "/"))
			if body != nil {
				_, err := readMembers(body)
				require.NoError(t, err)
			}
		}
	})
}
