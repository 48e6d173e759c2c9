package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// What a scrape of Falco's log gets wrong: ten questions over HTTP and the right
// answers. The numbers are those of the rows that AEGIS gets wrong.
func TestWhatALogScrapeGetsWrong(t *testing.T) {
	with := func(a *correlate.Alert, fields ...string) *correlate.Alert {
		var all []correlate.Field
		for i := 0; i < len(fields); i += 2 {
			all = append(all, correlate.Field{Name: fields[i], Value: fields[i+1]})
		}
		a.OutputFields = correlate.NewFields(all)
		return a
	}
	ask := "namespace=shadow-1&evidence=none&since=10m"
	for _, tc := range []struct {
		name   string
		log    []correlate.Body
		query  string
		want   verifier.Outcome
		reason verifier.ReasonCode
	}{
		{
			name:  "3: 30 s into a run of 25 minutes",
			log:   []correlate.Body{inPod("shadow-1", "web", 24*time.Minute+30*time.Second, correlate.Critical)},
			query: "namespace=shadow-1&evidence=none&since=25m",
			want:  verifier.Fail, reason: verifier.ReasonAlerts,
		},
		{
			name:  "4: an alert a nanosecond before T",
			log:   []correlate.Body{inPod("shadow-1", "web", 200*time.Second+1, correlate.Critical)},
			query: "namespace=shadow-1&evidence=none&since=2026-11-23T06:26:40Z",
			want:  verifier.Pass, reason: verifier.ReasonTrustInSilence,
		},
		{
			name:  "4: an alert at T",
			log:   []correlate.Body{inPod("shadow-1", "web", 200*time.Second, correlate.Critical)},
			query: "namespace=shadow-1&evidence=none&since=2026-11-23T06:26:40Z",
			want:  verifier.Fail, reason: verifier.ReasonAlerts,
		},
		{
			name:  "5: shadow-10 is not shadow-1",
			log:   []correlate.Body{inPod("shadow-10", "web", time.Minute, correlate.Critical)},
			query: ask, want: verifier.Pass, reason: verifier.ReasonTrustInSilence,
		},
		{
			name:  "5: shadow-1 is not shadow-10",
			log:   []correlate.Body{inPod("shadow-1", "web", time.Minute, correlate.Critical)},
			query: "namespace=shadow-10&evidence=none&since=10m", want: verifier.Pass, reason: verifier.ReasonTrustInSilence,
		},
		{
			name: "5: a command line that names it",
			log: []correlate.Body{with(inPod("", "", time.Minute, correlate.Critical),
				"k8s.ns.name", "ops", "proc.cmdline", "kubectl exec -n shadow-1 web -- sh")},
			query: ask, want: verifier.Pass, reason: verifier.ReasonTrustInSilence,
		},
		{
			name: "6: the namespace is not known",
			log: []correlate.Body{with(inPod("", "", time.Minute, correlate.Critical),
				"container.id", "4d2f9b1c8a7e", "k8s.ns.name", correlate.NotAvailable)},
			query: ask, want: verifier.Inconclusive, reason: verifier.ReasonUnattributed,
		},
		{
			name:  "an alert that could not be read",
			log:   []correlate.Body{&correlate.Malformed{Hostname: "node-a", Reason: "output field is an object"}},
			query: ask, want: verifier.Inconclusive, reason: verifier.ReasonMalformed,
		},
		{
			name:  "7: Informational is a severity",
			log:   []correlate.Body{inPod("shadow-1", "web", time.Minute, correlate.Informational)},
			query: ask + "&severity=Informational", want: verifier.Fail, reason: verifier.ReasonAlerts,
		},
		{
			name:  "7: INFO is its alias",
			log:   []correlate.Body{inPod("shadow-1", "web", time.Minute, correlate.Informational)},
			query: ask + "&severity=INFO", want: verifier.Fail, reason: verifier.ReasonAlerts,
		},
		{
			name:  "7: Informational is below Notice",
			log:   []correlate.Body{inPod("shadow-1", "web", time.Minute, correlate.Informational)},
			query: ask + "&severity=notice", want: verifier.Pass, reason: verifier.ReasonTrustInSilence,
		},
		{
			name:  "7: Falco's Alert and Emergency are above Critical",
			log:   []correlate.Body{inPod("shadow-1", "web", time.Minute, correlate.Alarm)},
			query: ask + "&severity=critical", want: verifier.Fail, reason: verifier.ReasonAlerts,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, nil)
			r.log.Append(clock, tc.log...)
			v := r.verdict(t, tc.query)
			require.Equal(t, tc.want, v.Verdict)
			require.Equal(t, tc.reason, v.Reason)
			require.Equal(t, tc.want == verifier.Pass, v.Passed)
		})
	}

	r := start(t, nil)
	for name, tc := range map[string]struct{ query, parameter string }{
		"5: an empty name":            {"namespace=&evidence=none&since=10m", "namespace"},
		"7: a typo as severity":       {ask + "&severity=WARN", "severity"},
		"7: severity of another tool": {ask + "&severity=high", "severity"},
		"13: T in the future":         {"namespace=shadow-1&evidence=none&since=2026-11-23T06:30:01Z", "since"},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := r.get(t, "/v1/verdict?"+tc.query)
			requireProblem(t, res, body, http.StatusBadRequest, tc.parameter, "")
		})
	}
}
