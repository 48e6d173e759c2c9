package httpapi_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

func clientOf(t *testing.T, r *rig) *httpapi.Client {
	t.Helper()
	c, err := httpapi.NewClient(r.base, r.http)
	require.NoError(t, err)
	return c
}

// The client gets what the service answered.
func TestClientRoundTrip(t *testing.T) {
	var service httpapi.Service
	r := start(t, func(o *httpapi.Options) { service = o.Service })
	r.log.Append(clock, inPod("shadow-1", "web-1", time.Minute, correlate.Critical), inPod("shadow-1", "web-2", 2*time.Minute, correlate.Error))
	c := clientOf(t, r)

	for _, publish := range []bool{false, true} {
		got, err := c.Verdict(t.Context(), httpapi.Query{
			Namespace: "shadow-1", Since: "2026-11-23T06:20:00+00:00", Until: "0s", Pod: "web-*", Rule: "Terminal shell in container",
			Sensor: "node-a", Severity: "error", Limit: 1, Evidence: "heard",
		}, publish)
		require.NoError(t, err)
		want, err := service.Evaluate(t.Context(), verifier.Question{
			Namespace: "shadow-1", Window: correlate.Window{Start: clock.Add(-10 * time.Minute), End: clock}, Pods: verifier.Pods{Name: "web-*"},
			Rule: "Terminal shell in container", Sensor: "node-a", Severity: correlate.Error, Limit: 1, Change: verifier.Change{Evidence: verifier.Heard},
		})
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, uint64(2), got.AlertCount)
	}
	require.Len(t, r.log.Verdicts(), 1)

	list, err := c.Alerts(t.Context(), httpapi.Query{Scope: "all", Severity: "debug", Order: httpapi.OrderOldest, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, uint64(2), list.Alerts[0].Position)
	list, err = c.Alerts(t.Context(), httpapi.Query{Severity: "debug", Order: httpapi.OrderOldest, Cursor: list.NextCursor})
	require.NoError(t, err)
	require.Equal(t, uint64(1), list.Alerts[0].Position)
	want, err := service.Alerts(t.Context(), verifier.Selection{
		Severity: correlate.Debug, Order: correlate.OldestFirst, Window: correlate.Window{Start: time.Unix(0, 0), End: clock},
		After: correlate.Cursor{Time: clock.Add(-2 * time.Minute), Position: 2},
	})
	require.NoError(t, err)
	require.Equal(t, want, list)

	sensors, err := c.Sensors(t.Context())
	require.NoError(t, err)
	require.Equal(t, service.Sensors(t.Context()), sensors)
}

func TestClientProblems(t *testing.T) {
	r := start(t, nil)
	c := clientOf(t, r)
	var p *httpapi.ProblemError
	for _, publish := range []bool{false, true} {
		v, err := c.Verdict(t.Context(), httpapi.Query{Namespace: "shadow-1", Since: "10m", Severity: "WARN"}, publish)
		require.Nil(t, v)
		require.ErrorAs(t, err, &p)
		require.Equal(t, "severity", p.Problem.Parameter)
		require.Equal(t, http.StatusBadRequest, p.Problem.Status)
		require.ErrorContains(t, err, "severity: ")
		require.ErrorContains(t, err, "status 400")
	}
	_, err := c.Alerts(t.Context(), httpapi.Query{Evidence: "none"})
	require.ErrorAs(t, err, &p)
	require.Equal(t, "evidence", p.Problem.Parameter)
}

// What answers may not be a falcogate. None of it is a verdict.
func TestClientOfAnotherServer(t *testing.T) {
	for name, tc := range map[string]struct {
		status      int
		contentType string
		body        string
		want        string
		isProblem   bool
	}{
		"a proxy's page":       {502, "text/html", "<html>Bad Gateway</html>", "Bad Gateway", true},
		"an empty error":       {503, "", "", "Service Unavailable (status 503)", true},
		"a broken problem":     {500, problem.ContentType, "{", "{ (status 500)", true},
		"another's JSON":       {200, "application/json", `{"passed": true}`, "holds no verdict", false},
		"no JSON":              {200, "text/html", "<html>welcome</html>", "none of falcogate's", false},
		"no such outcome":      {200, "application/json", `{"id": "1", "verdict": "passed"}`, "none of falcogate's", false},
		"nothing":              {200, "application/json", "", "none of falcogate's", false},
		"a redirect elsewhere": {204, "", "", "(status 204)", true},
	} {
		t.Run(name, func(t *testing.T) {
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tc.contentType)
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}))
			defer other.Close()
			c, err := httpapi.NewClient(other.URL, other.Client())
			require.NoError(t, err)
			v, err := c.Verdict(t.Context(), httpapi.Query{Namespace: "shadow-1", Since: "1m"}, false)
			require.Nil(t, v)
			require.ErrorContains(t, err, tc.want)
			var p *httpapi.ProblemError
			require.Equal(t, tc.isProblem, errorsAs(err, &p))
		})
	}
}

func TestClientOfNoServer(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	c, err := httpapi.NewClient("http://"+addr, nil)
	require.NoError(t, err)
	_, err = c.Verdict(t.Context(), httpapi.Query{Namespace: "shadow-1", Since: "1m"}, false)
	require.ErrorContains(t, err, addr)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Sensors(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNewClient(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8080", "localhost", "ftp://host", "http://", "http://host?a=b", "http://host#a", "://", "http://user:secret@host?x"} {
		_, err := httpapi.NewClient(bad, nil)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
	// A path before the API's, as behind a proxy.
	proxied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"sensors": [], "unnamed": 7, "later_addition": 1}`))
		if r.URL.Path != "/gate/v1/sensors" {
			t.Errorf("path is %s", r.URL.Path)
		}
	}))
	defer proxied.Close()
	c, err := httpapi.NewClient(proxied.URL+"/gate/", proxied.Client())
	require.NoError(t, err)
	list, err := c.Sensors(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(7), list.Unnamed)
}
