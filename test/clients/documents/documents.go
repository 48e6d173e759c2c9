package documents

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

var update = flag.Bool("update", false, "rewrite the output in docs/clients")

// changing is what differs from run to run.
var changing = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d(:|%3A|%253A)\d\d(:|%3A|%253A)\d\d(\.\d+)?( UTC|Z)?`), "TIME"},
	{regexp.MustCompile(`falcogate-[0-9a-f]{32}`), "END"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "ID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`log position \d+`), "log position N"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "UID"},
	{regexp.MustCompile(`(for pod \S+)-[a-z0-9]{5}\b`), "$1"},
	{regexp.MustCompile(`[ \t]+`), " "}, // columns are as wide as the times
}

func unchanging(text string) string {
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.as)
	}
	return text
}

// Output wants the output of a run in a document, in the block behind a comment that
// names it, up to times, ids and addresses.
func Output(t testing.TB, document, name, output string) {
	t.Helper()
	path := filepath.Join(daemon.Root(t), "docs", "clients", document)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(text), fmt.Sprintf("<!-- run: %s -->\n```", name))
	require.True(t, found, "%s has no block for the run %q", document, name)
	language, rest, _ := strings.Cut(rest, "\n")
	have, tail, found := strings.Cut("\n"+rest, "\n```\n")
	require.True(t, found, "%s: the block for the run %q does not end", document, name)
	output = strings.TrimSuffix(output, "\n")
	if *update {
		written := fmt.Sprintf("%s<!-- run: %s -->\n```%s\n%s\n```\n%s", head, name, language, output, tail)
		require.NoError(t, os.WriteFile(path, []byte(written), 0o644))
		return
	}
	require.Equal(t, unchanging(output), unchanging(strings.TrimPrefix(have, "\n")), "%s, run %q; go test -update rewrites it", document, name)
}

// Table wants the table of a document that begins with a head to be as the test has it,
// its own head with it.
func Table(t testing.TB, document, head, table string) {
	t.Helper()
	path := filepath.Join(daemon.Root(t), "docs", "clients", document)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), head)
	require.True(t, found, "%s has no table that begins with %q", document, head)
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + table + "\n" + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(text), "%s; go test -update rewrites it", document)
}

// Block is the first block of a document in a language.
func Block(t testing.TB, document, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(daemon.Root(t), "docs", "clients", document))
	require.NoError(t, err)
	_, block, found := strings.Cut(string(text), "```"+language+"\n")
	require.True(t, found, "%s has no block of %s", document, language)
	block, _, found = strings.Cut(block, "```")
	require.True(t, found, "%s: the block of %s does not end", document, language)
	return block
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// Configuration wants each line of configuration that a document shows to be one of the
// example's; comments may differ.
func Configuration(t testing.TB, document, example string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(daemon.Root(t), "docs", "clients", document))
	require.NoError(t, err)
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks, "%s shows no configuration", document)
	lines := linesOf(example)
	for _, block := range blocks {
		require.Subset(t, lines, linesOf(block[1]), document)
	}
}

// linesOf is the lines of YAML without comments and indentation.
func linesOf(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(" "+line, " #")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
