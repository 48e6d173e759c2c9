package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// What the build stamps; see the Makefile. The date is the commit's, in RFC 3339 and UTC.
var version, commit, commitDate string

// build says what this program was built from. Nothing in it is empty.
type build struct {
	version, commit, date string
}

// built is this program's.
var built = buildOf(debug.ReadBuildInfo())

// buildOf takes what was stamped, else what Go wrote into the program: the version where it was
// installed as a module, the commit where it was built in a clone.
func buildOf(info *debug.BuildInfo, found bool) build {
	b := build{version: version, commit: commit, date: commitDate}
	if found {
		if v := info.Main.Version; v != "(devel)" {
			b.version = cmp.Or(b.version, v)
		}
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				b.commit = cmp.Or(b.commit, setting.Value)
			case "vcs.time":
				b.date = cmp.Or(b.date, setting.Value)
			}
		}
	}
	const unknown = "unknown"
	return build{version: cmp.Or(b.version, unknown), commit: cmp.Or(b.commit, unknown), date: cmp.Or(b.date, unknown)}
}

func (b build) String() string {
	return fmt.Sprintf("%s commit %s of %s %s %s/%s", b.version, b.commit, b.date, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func newVersionCommand(streams stdio) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version and the commit that it was built from",
		Example: `  falcogate version`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(streams.out, "falcogate %s\n", built)
			return nil
		},
	}
}
