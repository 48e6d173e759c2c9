package bearer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFromHeader(t *testing.T) {
	long := strings.Repeat("a", MaxToken)
	for _, tt := range []struct {
		name   string
		values []string
		want   string
		err    error
	}{
		{"none", nil, "", ErrNone},
		{"a token", []string{"Bearer abc.DEF-123_~+/=="}, "abc.DEF-123_~+/==", nil},
		{"the scheme in any case", []string{"bEARER abc"}, "abc", nil},
		{"several spaces", []string{"Bearer   abc"}, "abc", nil},
		{"the longest", []string{"Bearer " + long}, long, nil},
		{"too long", []string{"Bearer a" + long}, "", ErrMalformed},
		{"two headers", []string{"Bearer abc", "Bearer abc"}, "", ErrMalformed},
		{"empty", []string{""}, "", ErrMalformed},
		{"no token", []string{"Bearer"}, "", ErrMalformed},
		{"an empty token", []string{"Bearer "}, "", ErrMalformed},
		{"padding alone", []string{"Bearer =="}, "", ErrMalformed},
		{"padding inside", []string{"Bearer a=b"}, "", ErrMalformed},
		{"another scheme", []string{"Basic abc"}, "", ErrMalformed},
		{"no scheme", []string{"abc"}, "", ErrMalformed},
		{"two tokens", []string{"Bearer abc def"}, "", ErrMalformed},
		{"a list", []string{"Bearer abc, Bearer def"}, "", ErrMalformed},
		{"a space behind", []string{"Bearer abc "}, "", ErrMalformed},
		{"a tab", []string{"Bearer\tabc"}, "", ErrMalformed},
		{"a line end", []string{"Bearer abc\n"}, "", ErrMalformed},
		{"no ASCII", []string{"Bearer abc\u00e4"}, "", ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, err := FromHeader(tt.values)
			require.Equal(t, tt.want, token)
			require.Equal(t, tt.err, err)
		})
	}
}

func TestDigests(t *testing.T) {
	// What printf %s abc | sha256sum writes.
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	d, err := ParseDigest(abc)
	require.NoError(t, err)
	require.Equal(t, DigestOf("abc"), d)
	upper, err := ParseDigest(strings.ToUpper(abc))
	require.NoError(t, err)
	require.Equal(t, d, upper)
	for _, bad := range []string{"", "abc", abc[1:], abc + "0", abc[1:] + "g", " " + abc[1:], "a-secret-token-of-sixty-four-characters-that-is-no-hexadecimal-xx"} {
		d, err := ParseDigest(bad)
		require.Error(t, err, bad)
		require.Zero(t, d)
		if bad != "" {
			require.NotContains(t, err.Error(), bad)
		}
	}
}

func TestFind(t *testing.T) {
	list := []Digest{DigestOf("a"), DigestOf("b"), DigestOf("c")}
	require.Equal(t, 0, Find(list, "a"))
	require.Equal(t, 1, Find(list, "b"))
	require.Equal(t, 2, Find(list, "c"))
	require.Equal(t, -1, Find(list, "d"))
	require.Equal(t, -1, Find(list, ""))
	require.Equal(t, -1, Find(nil, "a"))
}
