package aegis

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/clients/documents"
)

// python runs Python with the drop-in imported and returns what an expression gives, as
// JSON.
func python(t *testing.T, expression string, environ ...string) string {
	t.Helper()
	cmd := exec.Command("python3", "-c", "import json, sys\nfrom datetime import *\nfrom check_falco_alerts import *\njson.dump("+expression+", sys.stdout)")
	cmd.Env = append(os.Environ(), append([]string{
		"PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=" + filepath.Join(daemon.Root(t), "docs", "examples", "aegis"), "no_proxy=127.0.0.1",
	}, environ...)...)
	out, err := cmd.Output()
	if err != nil {
		require.NoError(t, err, "%s", err.(*exec.ExitError).Stderr)
	}
	return string(out)
}

type checked struct {
	Passed     bool              `json:"passed"`
	AlertCount int               `json:"alert_count"`
	Alerts     []json.RawMessage `json:"alerts"`
	Error      *string           `json:"error"`
}

func check(t *testing.T, server, arguments string, environ ...string) (c checked) {
	t.Helper()
	text := python(t, "check_falco_alerts("+arguments+")", append(environ, "FALCOGATE_SERVER="+server)...)
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&c), text)
	require.NotNil(t, c.Alerts)
	return c
}

// The drop-in against a falcogate with a recorded Falco.
func TestDropIn(t *testing.T) {
	d := daemon.Start(t)
	d.Play(t, "clean/http.jsonl.gz") // shadow-clean keeps quiet, and shop does not
	d.Seen(t, "shop")
	const t0 = `datetime.now(timezone.utc) - timedelta(seconds=4)` // isoformat writes +00:00

	t.Run("pass", func(t *testing.T) {
		got := check(t, d.URL, `"shadow-clean", `+t0)
		require.Nil(t, got.Error, "%v", got.Error)
		require.True(t, got.Passed)
		a := read(t, python(t, `verify_shadow("shadow-clean", `+t0+`, "warning")`, "FALCOGATE_SERVER="+d.URL))
		require.True(t, a.Passed)
		require.Equal(t, "WARNING", a.SeverityThreshold)
		require.Equal(t, 1, a.SinceMinutes)
	})
	t.Run("fail", func(t *testing.T) {
		got := check(t, d.URL, `"shop", datetime.now(timezone.utc) - timedelta(minutes=5), "Notice"`)
		require.False(t, got.Passed)
		require.Nil(t, got.Error)
		require.NotZero(t, got.AlertCount)
		require.Len(t, got.Alerts, got.AlertCount)
		require.Contains(t, string(got.Alerts[0]), `"rule"`)
	})
	t.Run("inconclusive", func(t *testing.T) {
		got := check(t, d.URL, `"shadow-clean", datetime.now(timezone.utc) - timedelta(hours=1), timeout_seconds=6`)
		require.False(t, got.Passed)
		require.Zero(t, got.AlertCount)
		require.Contains(t, *got.Error, "inconclusive: No metrics snapshot")
	})
	t.Run("refused", func(t *testing.T) {
		for arguments, want := range map[string]string{
			`"shadow-clean", ` + t0 + `, "WARN"`:             `falcogate answered 400: severity: unknown priority "WARN"`,
			`"Shadow", ` + t0:                                "falcogate answered 400: namespace: ",
			`"shadow-clean", datetime.now()`:                 "has no zone",
			`"shadow-clean", "2026-11-23T06:26:40"`:          "no zone",
			`"", ` + t0:                                      "falcogate answered 400: namespace: is empty",
			`"shadow-clean", "2036-11-23T06:26:40Z"`:         "is in the future",
			`"shadow-clean", ` + t0 + `, timeout_seconds=-1`: "falcogate was not asked: ",
		} {
			got := check(t, d.URL, arguments)
			require.False(t, got.Passed, arguments)
			require.NotNil(t, got.Error, arguments)
			require.Contains(t, *got.Error, want, arguments)
		}
		a := read(t, python(t, `verify_shadow("shadow-clean", `+t0+`, nonsense="1")`, "FALCOGATE_SERVER="+d.URL))
		require.Contains(t, a.Reason, "nonsense: unknown parameter")
	})
	t.Run("server down", func(t *testing.T) {
		d.Stop(t)
		got := check(t, d.URL, `"shadow-clean", `+t0)
		require.False(t, got.Passed)
		require.Contains(t, *got.Error, "Connection refused")
	})
}

// What the page shows is a program that passes over a namespace that keeps quiet.
func TestDocument(t *testing.T) {
	d := daemon.Start(t)
	d.Play(t, "clean/http.jsonl.gz")
	d.Heard(t)
	cmd := exec.Command("python3", "-c", documents.Block(t, "aegis.md", "python"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "FALCOGATE_SERVER="+d.URL,
		"PYTHONPATH="+filepath.Join(daemon.Root(t), "docs", "examples", "aegis"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Whatever answers in falcogate's place, nothing passes.
func TestDropInBelievesNobodyElse(t *testing.T) {
	asked := make(chan *http.Request, 1)
	for name, tc := range map[string]struct {
		status     int
		body, want string
	}{
		"no JSON":          {200, "passed", "falcogate was not asked: "},
		"another's":        {200, `{"passed": true}`, "answers, and not as falcogate does"},
		"a list":           {200, `[]`, "answers, and not as falcogate does"},
		"not quite":        {200, `{"tool":"falco","passed":"false","skipped":false,"reason":"","namespace_filter":"","falco_namespace":"","label_selector":"","since_timestamp":"","since_minutes":0,"severity_threshold":"","alert_count":0,"summary":{},"alerts":[],"raw_lines_count":0,"stderr":""}`, "answers, and not as falcogate does"},
		"503":              {503, `{"status":503,"detail":"ask again"}`, "falcogate answered 503: ask again"},
		"401, and no JSON": {401, "", "falcogate answered 401: Unauthorized"},
		"elsewhere":        {302, "", "falcogate answered 302: "},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- r.Clone(r.Context())
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}))
			defer server.Close()
			token := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(token, []byte("of-the-shadow-0123\n"), 0o600))
			got := check(t, server.URL, `"shadow-clean", "10m", timeout_seconds=7`, "FALCOGATE_TOKEN_FILE="+token)
			require.False(t, got.Passed)
			require.Contains(t, *got.Error, tc.want)
			r := <-asked
			require.Equal(t, "Bearer of-the-shadow-0123", r.Header.Get("Authorization"))
			require.Equal(t, "2s", r.URL.Query().Get("wait"))
		})
	}
	t.Run("too slow", func(t *testing.T) {
		done := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
		defer server.Close()
		defer close(done)
		got := check(t, server.URL, `"shadow-clean", "10m", timeout_seconds=1`)
		require.False(t, got.Passed)
		require.Contains(t, *got.Error, "timed out")
	})
	t.Run("another's certificate", func(t *testing.T) {
		server := httptest.NewTLSServer(http.NotFoundHandler())
		defer server.Close()
		server.Config.ErrorLog = nil
		got := check(t, server.URL, `"shadow-clean", "10m"`)
		require.False(t, got.Passed)
		require.Contains(t, strings.ToLower(*got.Error), "certificate")
	})
	t.Run("no token where one was named", func(t *testing.T) {
		got := check(t, "http://127.0.0.1:1", `"shadow-clean", "10m"`, fmt.Sprintf("FALCOGATE_TOKEN_FILE=%s", filepath.Join(t.TempDir(), "none")))
		require.False(t, got.Passed)
		require.Contains(t, *got.Error, "No such file")
	})
}
