package verifier_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// A verdict in AEGIS' form has all members of that, in its order.
func TestAegis(t *testing.T) {
	window := verifier.Window{Start: time.Date(2026, 11, 27, 6, 0, 0, 5, time.UTC), End: time.Date(2026, 11, 27, 6, 10, 0, 6, time.UTC)}
	for want, v := range map[string]verifier.Verdict{
		`{"tool":"falco","passed":true,"skipped":false,"reason":"None.","namespace_filter":"shop","falco_namespace":"","label_selector":"","since_timestamp":"2026-11-27T06:00:00.000000005Z","since_minutes":11,"severity_threshold":"WARNING","alert_count":0,"summary":{"critical":0,"error":0,"warning":0,"other":0},"alerts":[],"raw_lines_count":0,"stderr":""}`: {
			Verdict: verifier.Pass, Message: "None.", Severity: correlate.Warning,
		},
		`{"tool":"falco","passed":false,"skipped":false,"reason":"36 alerts.","namespace_filter":"shop","falco_namespace":"","label_selector":"","since_timestamp":"2026-11-27T06:00:00.000000005Z","since_minutes":11,"severity_threshold":"DEBUG","alert_count":36,"summary":{"critical":6,"error":4,"warning":5,"other":21},"alerts":[],"raw_lines_count":36,"stderr":""}`: {
			Verdict: verifier.Fail, Message: "36 alerts.", Severity: correlate.Debug, AlertCount: 36,
			Summary: verifier.Summary{Emergency: 1, Alert: 2, Critical: 3, Error: 4, Warning: 5, Notice: 6, Informational: 7, Debug: 8},
		},
		`{"tool":"falco","passed":false,"skipped":false,"reason":"inconclusive: No sensor.","namespace_filter":"shop","falco_namespace":"","label_selector":"","since_timestamp":"2026-11-27T06:00:00.000000005Z","since_minutes":11,"severity_threshold":"EMERGENCY","alert_count":0,"summary":{"critical":0,"error":0,"warning":0,"other":0},"alerts":[],"raw_lines_count":0,"stderr":""}`: {
			Message: "No sensor.", Severity: correlate.Emergency, Passed: true, // what decides is Verdict
		},
	} {
		v.Namespace, v.Window = "shop", window
		got, err := json.Marshal(v.Aegis(), verifier.JSONOptions)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	none := verifier.UnansweredAegis("nobody answers")
	require.False(t, none.Passed || none.Skipped)
	require.Equal(t, "inconclusive: nobody answers", none.Reason)
	require.Equal(t, "nobody answers", none.Stderr)
	require.NotNil(t, none.Alerts)
}
