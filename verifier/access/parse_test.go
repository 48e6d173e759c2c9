package access

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Tokens of the tests, and what sha256sum says of the second.
const (
	tokenA = "AAAAaaaa-0123456789"
	tokenB = "BBBBbbbb-0123456789"
	sumB   = "a97071112709933432ee87fb0799e31936b4b53dfc7497eb99250157be639077"
)

func parsed(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse([]byte(text))
	require.NoError(t, err)
	return f
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, text             string
		tokens, byCertificates int
	}{
		{"nobody, on purpose", "callers: []", 0, 0},
		{"one of each kind", `
callers:
  - {name: a, token: ` + tokenA + `, namespaces: [shop], verbs: [get]}
  - {name: b, token_sha256: ` + sumB + `, namespaces: ["*"], verbs: [get, create]}
  - {user: c, namespaces: [shop], verbs: [create]}
  - {group: d, namespaces: [shop, cart], verbs: [get]}
`, 2, 2},
		{"JSON", `{"callers": [{"name": "a", "token": "` + tokenA + `", "namespaces": ["shop"], "verbs": ["get"]}]}`, 1, 0},
		{"an alias for a list", `
callers:
  - {name: a, token: ` + tokenA + `, namespaces: &shops [shop, cart], verbs: [get]}
  - {name: b, token: ` + tokenB + `, namespaces: *shops, verbs: [get]}
`, 2, 0},
		{"one token, two entries", `
callers:
  - {name: a, token: ` + tokenA + `, namespaces: [shop], verbs: [get, create]}
  - {name: a, token: ` + tokenA + `, namespaces: [cart], verbs: [get]}
`, 2, 0},
		{"a token of digits", `callers: [{name: a, token: 0123456789012345, namespaces: [shop], verbs: [get]}]`, 1, 0},
		{"with a byte order mark", "\ufeffcallers: []", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens, certificates := parsed(t, tt.text).Callers()
			require.Equal(t, tt.tokens, tokens)
			require.Equal(t, tt.byCertificates, certificates)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	entry := func(fields string) string { return "callers:\n  - {" + fields + "}" }
	const rest = ", namespaces: [shop], verbs: [get]"
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                   {"", "nobody is callers: []"},
		"a comment":                 {"# later", "nobody is callers: []"},
		"no YAML":                   {"callers: [\n  {", "broken YAML at line"},
		"a tab":                     {"callers:\n\t- {}", "broken YAML at line 2"},
		"an unknown anchor":         {"callers: *" + tokenA, "broken YAML"},
		"two documents":             {"callers: []\n---\ncallers: []", "want one YAML document"},
		"tokens, one a line":        {tokenA + "\n" + tokenB, "line 1: want the file to be a mapping of callers"},
		"a list":                    {"- name: a", "line 1: want the file to be a mapping of callers"},
		"another key":               {"callers: []\ntokens: []", `line 2: unknown key "tokens": want callers`},
		"a token as a key":          {tokenA + ": [get]", "line 1: unknown key (not shown): want callers"},
		"a list as a key":           {"[a]: b", "unknown key (not shown)"},
		"no list":                   {"callers: {name: a}", "want callers: a list"},
		"set to nothing":            {"callers:", "line 1: callers has no value"},
		"an entry that is none":     {"callers: [" + tokenA + "]", "line 1: want each caller to be a mapping"},
		"a key twice":               {entry("user: a, user: b" + rest), "line 2: user is given twice"},
		"a wrong key":               {entry("user: a, verb: [get]" + rest), `line 2: unknown key "verb": want name, token, token_sha256, user, group, namespaces or verbs`},
		"a merge key":               {"x: &x {user: a}\ncallers: []", `unknown key "x"`},
		"nobody":                    {entry("name: a" + rest), "want one of token, token_sha256, user and group for each caller, have 0"},
		"two at once":               {entry("user: a, group: b" + rest), "have 2 of them"},
		"a token and its digest":    {entry("name: b, token: " + tokenB + ", token_sha256: " + sumB + rest), "have 2 of them"},
		"a token without a name":    {entry("token: " + tokenA + rest), "want a name with each token"},
		"a user with a name":        {entry("name: a, user: b" + rest), "name goes with a token"},
		"an empty user":             {entry(`user: ""` + rest), "user has no value"},
		"a null token":              {entry("name: a, token: ~" + rest), "token has no value"},
		"a list of tokens":          {entry("name: a, token: [" + tokenA + "]" + rest), "want one value for token"},
		"a list of names":           {entry("name: [a], token: " + tokenA + rest), "want one value for name"},
		"a short token":             {entry("name: a, token: hunter2" + rest), "line 2: token: want 16 to 16384"},
		"a token with spaces":       {entry("name: a, token: 'Bearer " + tokenA + "'" + rest), "line 2: token: want 16 to 16384"},
		"a token for a digest":      {entry("name: a, token_sha256: " + tokenA + rest), "line 2: token_sha256: want 64 hexadecimal digits"},
		"no namespaces":             {entry("user: a, verbs: [get]"), "want namespaces for each caller"},
		"no verbs":                  {entry("user: a, namespaces: [shop]"), "want verbs for each caller"},
		"an empty list":             {entry("user: a, namespaces: [], verbs: [get]"), "want a list for namespaces, with at least one element"},
		"one namespace, no list":    {entry("user: a, namespaces: shop, verbs: [get]"), "want a list for namespaces"},
		"a list in a list":          {entry("user: a, namespaces: [[shop]], verbs: [get]"), "want one value for each element of namespaces"},
		"a pattern":                 {entry("user: a, namespaces: ['shop-*'], verbs: [get]"), `want exact names of namespaces, or "*"`},
		"an empty namespace":        {entry("user: a, namespaces: [''], verbs: [get]"), "want exact names"},
		"an unknown verb":           {entry("user: a, namespaces: [shop], verbs: [list]"), "verbs: want get (to ask) or create (to publish)"},
		"all verbs":                 {entry("user: a, namespaces: [shop], verbs: ['*']"), "verbs: want get"},
		"one token, two names":      {entry("name: a, token: "+tokenB+rest) + "\n  - {name: b, token_sha256: " + sumB + rest + "}", "line 3: this token is that of another name above"},
		"an entry set to nothing":   {"callers:\n  -", "want each caller to be a mapping"},
		"an alias that eats itself": {"callers: &a [*a]", "want each caller to be a mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse([]byte(tt.text))
			require.Nil(t, f)
			require.ErrorContains(t, err, tt.want)
			for _, secret := range []string{tokenA, tokenB, "hunter2"} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// The examples of the documentation are what they say.
func TestDocumentedFiles(t *testing.T) {
	page, err := os.ReadFile("../../docs/access.md")
	require.NoError(t, err)
	files := regexp.MustCompile("(?s)```yaml\n# auth\\.yaml\n(.*?)```").FindAllSubmatch(page, -1)
	require.Len(t, files, 2, "one for tokens, one for certificates")
	for _, file := range files {
		f := parsed(t, string(file[1]))
		tokens, certificates := f.Callers()
		require.Equal(t, 2, tokens+certificates)
	}
	// The rest is what Kubernetes reads.
	kinds := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(apiVersion.*?)```").FindAllSubmatch(page, -1) {
		for dec := yaml.NewDecoder(bytes.NewReader(block[1])); ; {
			var object struct{ Kind string }
			err := dec.Decode(&object)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, string(block[1]))
			kinds[object.Kind]++
		}
	}
	require.Equal(t, map[string]int{"ClusterRole": 3, "ClusterRoleBinding": 1, "RoleBinding": 1, "Job": 1}, kinds)
}

// Whatever a file holds: it is read or refused, what is granted is what it says,
// and no error shows what may be a token.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"callers: []",
		"callers:\n  - {name: a, token: " + tokenA + ", namespaces: [shop], verbs: [get]}\n",
		"callers:\n- name: b\n  token_sha256: " + sumB + "\n  namespaces: ['*']\n  verbs: [get, create]\n- user: c\n  namespaces: &n [shop]\n  verbs: [get]\n- group: d\n  namespaces: *n\n  verbs: [create]\n",
		`{"callers": [{"name": "a", "token": "` + tokenA + `", "namespaces": ["shop"], "verbs": ["get"]}]}`,
		tokenA + "\n" + tokenB, "callers: &a [*a]", "callers: *" + tokenA, "? [a]\n: b", "callers: [!!binary " + tokenA + "]", "%TAG ! x\n--- a", "",
	} {
		f.Add([]byte(seed))
	}
	words := regexp.MustCompile(`[A-Za-z0-9._~+/-]{16,}`)
	own := "token_sha256: want 64 hexadecimal digits, as printf %s \"$TOKEN\" docs/access.md token, token_sha256, letters, digits and -._~+/"
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			require.Nil(t, file)
			for _, w := range words.FindAllString(string(data), -1) {
				require.True(t, strings.Contains(own, w) || !strings.Contains(err.Error(), w), "%q is in %q", w, err)
			}
			return
		}
		all := file.holders
		for _, by := range []map[string][]*grant{file.users, file.groups} {
			for name, grants := range by {
				require.NotEmpty(t, name)
				all = append(all, holder{name, grants})
			}
		}
		require.Len(t, file.digests, len(file.holders))
		for _, h := range all {
			require.NotEmpty(t, h.name)
			for _, g := range h.grants {
				require.NotEmpty(t, g.verbs)
				require.True(t, g.all || len(g.namespaces) > 0)
				require.NotContains(t, g.namespaces, "")
				if !g.all {
					require.False(t, granted([]*grant{g}, Action{Verb: Get}))
				}
			}
		}
	})
}
