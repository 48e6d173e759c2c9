package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier/client"
)

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
			c, err := client.New(other.URL, other.Client())
			require.NoError(t, err)
			v, err := c.Verdict(t.Context(), client.Query{Namespace: "shadow-1", Since: "1m"}, false)
			require.Nil(t, v)
			require.ErrorContains(t, err, tc.want)
			var p *client.ProblemError
			require.Equal(t, tc.isProblem, errors.As(err, &p))
		})
	}
}

func TestClientOfNoServer(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	c, err := client.New("http://"+addr, nil)
	require.NoError(t, err)
	_, err = c.Verdict(t.Context(), client.Query{Namespace: "shadow-1", Since: "1m"}, false)
	require.ErrorContains(t, err, addr)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Sensors(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNewClient(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:8080", "localhost", "ftp://host", "http://", "http://host?a=b", "http://host#a", "://", "http://user:secret@host?x"} {
		_, err := client.New(bad, nil)
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
	c, err := client.New(proxied.URL+"/gate/", proxied.Client())
	require.NoError(t, err)
	list, err := c.Sensors(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(7), list.Unnamed)
}
