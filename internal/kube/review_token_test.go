package kube

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// jwt is a token with a payload; nobody has signed it.
func jwt(payload string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(payload)) + "." + part([]byte("signature"))
}

func TestExpiryOf(t *testing.T) {
	for name, c := range map[string]struct {
		token string
		want  int64 // -1: none
	}{
		"seconds":        {jwt(`{"iss":"k","exp":1795415300}`), 1795415300},
		"fraction":       {jwt(`{"exp":1795415300.9}`), 1795415300},
		"past":           {jwt(`{"exp":1}`), 1},
		"before time":    {jwt(`{"exp":-5}`), 0},
		"beyond dates":   {jwt(`{"exp":1e300}`), 1 << 40},
		"none":           {jwt(`{"iss":"k"}`), -1},
		"null":           {jwt(`{"exp":null}`), -1},
		"text":           {jwt(`{"exp":"1795415300"}`), -1},
		"no number":      {jwt(`{"exp":1e999}`), -1},
		"no object":      {jwt(`[1]`), -1},
		"no JSON":        {jwt(`{`), -1},
		"opaque":         {"abcdef.0123456789", -1},
		"not base64":     {"a.%%.c", -1},
		"four parts":     {jwt(`{"exp":1}`) + ".x", -1},
		"empty":          {"", -1},
		"nothing inside": {"..", -1},
	} {
		t.Run(name, func(t *testing.T) {
			expiry, ok := expiryOf(c.token)
			require.Equal(t, c.want >= 0, ok)
			if ok {
				require.Equal(t, c.want, expiry.Unix())
			}
		})
	}
}

// FuzzExpiryOf wants a date or nothing, of whatever a client sends.
func FuzzExpiryOf(f *testing.F) {
	for _, payload := range []string{`{"exp":1795415300}`, `{"exp":-1e308}`, `{"exp":null}`, `[]`, `{"exp":0.1,"EXP":2}`} {
		f.Add(jwt(payload))
	}
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		expiry, ok := expiryOf(token)
		if ok {
			require.False(t, expiry.Before(time.Unix(0, 0)))
			require.False(t, expiry.After(time.Unix(1<<40, 0)))
		}
	})
}

func TestWithoutToken(t *testing.T) {
	token := jwt(`{"sub":"system:serviceaccount:shop:ci"}`)
	parts := strings.Split(token, ".")
	text := withoutToken("bad token "+token+", that is\n "+parts[1]+" and "+parts[2], token)
	require.Equal(t, "bad token …, that is  … and …", text)
	require.Len(t, withoutToken(strings.Repeat("x", 9999), token), maxReason+len("…"))
	require.Equal(t, "[invalid bearer token, service account token has expired]",
		withoutToken("[invalid bearer token, service account token has expired]", token))
}

// FuzzWithoutToken wants no secret in the text, whatever the API server wrote
// around it.
func FuzzWithoutToken(f *testing.F) {
	f.Add("before ", jwt(`{"exp":1}`), " after")
	f.Add("\xff", "opaque-token-0123456789", "\x00")
	f.Fuzz(func(t *testing.T, before, token, after string) {
		text := withoutToken(before+token+after, token)
		require.True(t, utf8.ValidString(text))
		require.LessOrEqual(t, len(text), maxReason+len("…"))
		for part := range strings.SplitSeq(token, ".") {
			if len(part) >= leastSecret {
				require.NotContains(t, text, part)
			}
		}
	})
}
