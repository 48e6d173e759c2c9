package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

func clientOf(t *testing.T, r *rig) *client.Client {
	t.Helper()
	c, err := client.New(r.base, r.http)
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
		got, err := c.Verdict(t.Context(), client.Query{
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

	list, err := c.Alerts(t.Context(), client.Query{Scope: "all", Severity: "debug", Order: client.OrderOldest, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, uint64(2), list.Alerts[0].Position)
	list, err = c.Alerts(t.Context(), client.Query{Severity: "debug", Order: client.OrderOldest, Cursor: list.NextCursor})
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
	var p *client.ProblemError
	for _, publish := range []bool{false, true} {
		v, err := c.Verdict(t.Context(), client.Query{Namespace: "shadow-1", Since: "10m", Severity: "WARN"}, publish)
		require.Nil(t, v)
		require.ErrorAs(t, err, &p)
		require.Equal(t, "severity", p.Parameter)
		require.Equal(t, http.StatusBadRequest, p.Status)
		require.ErrorContains(t, err, "severity: ")
		require.ErrorContains(t, err, "status 400")
	}
	_, err := c.Alerts(t.Context(), client.Query{Evidence: "none"})
	require.ErrorAs(t, err, &p)
	require.Equal(t, "evidence", p.Parameter)
}
