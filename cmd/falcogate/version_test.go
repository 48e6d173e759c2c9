package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestBuildOf(t *testing.T) {
	clone := &debug.BuildInfo{
		Main: debug.Module{Version: "v0.2.1-0.20261127175400-495a5b7a1b2c+dirty"},
		Settings: []debug.BuildSetting{
			{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "495a5b7"}, {Key: "vcs.time", Value: "2026-11-27T17:54:00Z"},
		},
	}
	tests := []struct {
		name    string
		stamped build
		info    *debug.BuildInfo
		want    build
	}{
		{"stamped", build{"v0.2.0", "0123", "2026-11-26T00:00:00Z"}, clone, build{"v0.2.0", "0123", "2026-11-26T00:00:00Z"}},
		{"a clone", build{}, clone, build{"v0.2.1-0.20261127175400-495a5b7a1b2c+dirty", "495a5b7", "2026-11-27T17:54:00Z"}},
		{"a module", build{}, &debug.BuildInfo{Main: debug.Module{Version: "v0.2.0"}}, build{"v0.2.0", "unknown", "unknown"}},
		{"neither", build{}, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, build{"unknown", "unknown", "unknown"}},
		{"nothing at all", build{}, nil, build{"unknown", "unknown", "unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := build{version, commit, commitDate}
			defer func() { version, commit, commitDate = before.version, before.commit, before.date }()
			version, commit, commitDate = tt.stamped.version, tt.stamped.commit, tt.stamped.date
			require.Equal(t, tt.want, buildOf(tt.info, tt.info != nil))
		})
	}
}

// The command and the flag, which people try first, say the same, and the metric has it too.
func TestVersion(t *testing.T) {
	for _, line := range []string{"version", "--version"} {
		var out, errs bytes.Buffer
		require.Zero(t, run(t.Context(), []string{line}, nil, stdio{strings.NewReader(""), &out, &errs}), errs.String())
		require.Equal(t, "falcogate "+built.String()+"\n", out.String())
		require.Empty(t, errs.String())
	}
	require.NoError(t, testutil.CollectAndCompare(buildInfo(), strings.NewReader(`
# HELP falcogate_build_info Always 1; the labels tell the version and the commit.
# TYPE falcogate_build_info gauge
falcogate_build_info{commit="`+built.commit+`",version="`+built.version+`"} 1
`)))
}

// make build stamps all three: a name that is misspelt in the linker's flags is no error there.
func TestMakeStamps(t *testing.T) {
	bin := t.TempDir()
	const when = "2026-11-27T17:54:00Z"
	made := exec.Command("make", "-C", "../..", "build", "BIN="+bin, "VERSION=v9.8.7", "COMMIT=0123abc", "COMMIT_DATE="+when)
	out, err := made.CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.Command(filepath.Join(bin, "falcogate"), "--version").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "falcogate v9.8.7 commit 0123abc of "+when+" "+runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH+"\n", string(out))
}
