package main

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManCommand writes the manual, for who makes packages. It is hidden: nobody else
// needs it.
func newManCommand(environ []string) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIRECTORY",
		Short: "Write the manual as a page for each command",
		Long: `Write the manual to a directory, which is made if need be: a page in section 1 for each
command. The pages are the same whenever they are written: their date is that of
SOURCE_DATE_EPOCH, in Unix seconds, else the epoch's own.`,
		Example: `  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) falcogate man share/man/man1`,
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := sourceDate(environ)
			if err != nil {
				return err
			}
			if err := writeManual(cmd.Root(), args[0], date); err != nil {
				return &exitError{code: exitInconclusive, err: fmt.Errorf("writing the manual: %w", err)}
			}
			return nil
		},
	}
}

// sourceDate is when what is built was changed last, as reproducible-builds.org has it.
func sourceDate(environ []string) (time.Time, error) {
	text := cmp.Or(environment(environ, "SOURCE_DATE_EPOCH"), "0")
	seconds, err := strconv.ParseUint(text, 10, 40)
	if err != nil {
		return time.Time{}, usagef("SOURCE_DATE_EPOCH is %.40q: want Unix time in seconds", text)
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}

// writeManual writes a page for each command that is not hidden.
func writeManual(root *cobra.Command, directory string, date time.Time) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	root.DisableAutoGenTag = true // it has the date of today
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "falcogate " + built.version, Manual: "falcogate"}, directory)
}
