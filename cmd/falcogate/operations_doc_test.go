package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// docs/operations.md says of each gap and of each alert what to do, and of no other.
func TestOperationsAreComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	rule, err := os.ReadFile("../../charts/falcogate/templates/prometheusrule.yaml")
	require.NoError(t, err)
	var gaps []string
	for _, kind := range correlate.GapKinds {
		gaps = append(gaps, string(kind))
	}
	require.Equal(t, gaps, firstColumn(t, string(text), "## Gaps"))
	require.Equal(t, submatches(`(?m)- alert: (\w+)$`, string(rule)), firstColumn(t, string(text), "## Alerts"))
}

// firstColumn is that of the table below a heading.
func firstColumn(t *testing.T, text, heading string) []string {
	t.Helper()
	_, section, found := strings.Cut(text, heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	return submatches("(?m)^\\| `(\\w+)` \\|", section)
}

func submatches(pattern, text string) (all []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}
