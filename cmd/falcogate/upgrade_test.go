package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// unpack unpacks a data directory that an earlier falcogate has left.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	require.NoError(t, err)
	defer f.Close()
	plain, err := gzip.NewReader(f)
	require.NoError(t, err)
	for files := tar.NewReader(plain); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		require.True(t, filepath.IsLocal(h.Name) || h.Name == "./", h.Name)
		path := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			require.NoError(t, os.MkdirAll(path, 0o700))
			continue
		}
		data, err := io.ReadAll(files)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
}

// A data directory of an earlier falcogate opens: what it knew is known, and its gates go
// on. Each was written by
//
//	falcogate serve --retention 87600h --retention-bytes 64MiB
//
// with the clean recording played into it, the gates failed (of shop), passed (of
// shadow-clean), cancelled and left-open (of shadow-clean), and a published verdict on
// shadow-clean. Add one whenever what is stored gets another form.
func TestUpgrade(t *testing.T) {
	archives, err := filepath.Glob("testdata/upgrade/*.tar.gz")
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, archive := range archives {
		t.Run(filepath.Base(archive), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			dir := t.TempDir()
			unpack(t, archive, filepath.Join(dir, "data"))
			d, err := startDaemon(dir, os.Environ(), "--retention", "87600h", "--retention-bytes", "64MiB", "--sensor", "node-a")
			require.NoError(t, err)
			defer func() {
				_, err := d.end(syscall.SIGTERM)
				require.NoError(t, err)
			}()
			require.NoError(t, d.waitReady(ctx))
			hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			c, err := client.New("http://"+d.api, hc)
			require.NoError(t, err)

			gates := map[string]*verifier.Gate{}
			for id, state := range map[string]verifier.GateState{"failed": verifier.GateDecided, "passed": verifier.GateDecided, "cancelled": verifier.GateCancelled} {
				gates[id], err = c.Gate(ctx, id)
				require.NoError(t, err)
				require.Equal(t, state, gates[id].State)
			}
			require.Equal(t, verifier.Fail, gates["failed"].Verdict.Verdict)
			require.Equal(t, map[string]string{"run": "7"}, gates["failed"].Verdict.Gate.Labels)
			passed := gates["passed"].Verdict
			require.Equal(t, verifier.Pass, passed.Verdict)
			for _, id := range []string{"failed", "passed"} {
				e, err := c.Explain(ctx, gates[id].Verdict.ID)
				require.NoError(t, err)
				require.True(t, e.Identical, "%s: %v %s", id, e.Differences, e.Note)
			}

			// An alert in the window of the one that has passed, and one now: the first comes
			// too late, the second decides the one that is open if its deadline has not.
			for _, at := range []time.Time{passed.Window.Start.Add(time.Second), time.Now()} {
				resp, err := hc.Post("http://"+d.ingest+"/", "application/json", strings.NewReader(
					`{"hostname":"node-a","output":"o","output_fields":{"k8s.ns.name":"shadow-clean"},"priority":"Critical","rule":"r","source":"syscall","tags":[],"time":"`+at.UTC().Format(time.RFC3339Nano)+`"}`))
				require.NoError(t, err)
				resp.Body.Close()
				require.Equal(t, http.StatusOK, resp.StatusCode)
			}
			require.NoError(t, eventually(ctx, func() error {
				again, err := c.Gate(ctx, "passed")
				if err == nil && (again.Contradiction == nil || !again.Published) {
					err = errors.New("the pass is not contradicted")
				}
				if err == nil {
					require.Equal(t, passed, again.Verdict)
					again, err = c.Gate(ctx, "left-open")
				}
				if err == nil && (again.State != verifier.GateDecided || !again.Published) {
					err = errors.New("the open gate is not decided")
				}
				if err == nil {
					require.NotEqual(t, verifier.Pass, again.Verdict.Verdict)
				}
				return err
			}))
		})
	}
}
