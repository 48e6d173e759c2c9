package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// manual writes the manual and returns its pages by name.
func manual(t *testing.T, environ ...string) map[string]string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "made", "man1")
	var errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"man", directory}, environ, stdio{strings.NewReader(""), &errs, &errs}), errs.String())
	files, err := filepath.Glob(filepath.Join(directory, "*"))
	require.NoError(t, err)
	pages := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		pages[filepath.Base(file)] = string(data)
	}
	return pages
}

// roff is a line of a page: text, or a request that a page may have.
var roff = regexp.MustCompile(`^(?:[^.'].*|\.(?:nh|TH|SH|SS|PP|RS|RE|EX|EE|TP|IP|BI|nf|fi)(?: .*)?|)$`)

// Each command has a page with what it does and an example, and is shown an example by
// --help. Hidden ones have none.
func TestManual(t *testing.T) {
	pages := manual(t)
	count := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" {
			return
		}
		count++
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		page := pages[name+".1"]
		require.True(t, strings.HasPrefix(page, ".nh\n.TH \""+strings.ToUpper(name)+"\" \"1\" \"Jan 1970\" \"falcogate "+built.version+"\" \"falcogate\"\n"), "%s: %.200s", name, page)
		require.NotEmpty(t, cmd.Short, name)
		require.NotEmpty(t, cmd.Example, name)
		for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLE"} {
			require.Equal(t, 1, strings.Count(page, "\n.SH "+section+"\n"), "%s: %s", name, section)
		}
		require.Equal(t, strings.Count(page, "\n.EX\n"), strings.Count(page, "\n.EE\n"), name)
		for line := range strings.SplitSeq(page, "\n") {
			require.Regexp(t, roff, line, name)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	root := newRootCommand(nil, stdio{})
	walk(root)
	require.Len(t, pages, count)
}

// The same manual comes whenever it is written; its date is that of the source.
func TestManualIsReproducible(t *testing.T) {
	first := manual(t)
	require.Equal(t, first, manual(t))
	dated := manual(t, "SOURCE_DATE_EPOCH=1795415200")
	require.Contains(t, dated["falcogate.1"], `"Nov 2026"`)
	for name, page := range first {
		require.Equal(t, page, strings.Replace(dated[name], "Nov 2026", "Jan 1970", 1))
	}
	var errs bytes.Buffer
	require.Equal(t, exitUsage, run(t.Context(), []string{"man", t.TempDir()}, []string{"SOURCE_DATE_EPOCH=today"}, stdio{strings.NewReader(""), &errs, &errs}))
	require.Contains(t, errs.String(), "want Unix time in seconds")
}
