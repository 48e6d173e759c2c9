package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier/client"
)

// What can be done about a refusal is told by errors.Is, and by one error alone.
func TestErrors(t *testing.T) {
	all := []error{client.ErrWrongUsage, client.ErrUnauthenticated, client.ErrForbidden, client.ErrNotFound, client.ErrConflict, client.ErrUnavailable}
	for status, want := range map[int]error{
		400: client.ErrWrongUsage, 413: client.ErrWrongUsage, 415: client.ErrWrongUsage, 401: client.ErrUnauthenticated, 403: client.ErrForbidden,
		404: client.ErrNotFound, 409: client.ErrConflict, 429: client.ErrUnavailable, 502: client.ErrUnavailable, 503: client.ErrUnavailable,
		504: client.ErrUnavailable, 500: nil, 501: nil, 204: nil, 307: nil,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			problem.WriteProblem(w, problem.Problem{Status: status, Detail: "why", Parameter: "since"})
		}))
		c, err := client.New(server.URL, server.Client())
		require.NoError(t, err)
		_, err = c.Sensors(t.Context())
		server.Close()
		var p *client.ProblemError
		require.ErrorAs(t, err, &p)
		require.Equal(t, status, p.Status)
		require.Equal(t, 7*time.Second, p.RetryAfter)
		for _, one := range all {
			if errors.Is(want, one) {
				require.ErrorIs(t, err, one)
			} else {
				require.NotErrorIs(t, err, one, "status %d", status)
			}
		}
	}
}
