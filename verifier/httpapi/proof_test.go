package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// The parts of a policy reach the question by their names, in a query string and
// in a body.
func TestPolicyParameters(t *testing.T) {
	r := start(t, nil)
	v := r.verdict(t, "namespace=shadow-1&since=10m&evidence=heard&settling=3s&clock_skew=1m&max_kernel_drop_ratio=0.25&host_alerts=fail&require_rules=Rule+one,Rule+two")
	require.Equal(t, verifier.Heard, v.Evidence)
	require.Equal(t, verifier.PolicyApplied{
		Settling: verifier.Duration(3 * time.Second), ClockSkew: verifier.Duration(time.Minute), MaxKernelDropRatio: 0.25,
		HostAlerts: verifier.HostFail, RequireRules: []string{"Rule one", "Rule two"},
	}, v.Policy)

	res, body := r.do(t, http.MethodPost, "/v1/verdicts", "application/json",
		`{"namespace": "shadow-1", "since": "10m", "max_kernel_drop_ratio": 0.5, "settling": "0", "wait": "1ms"}`)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Contains(t, body, `"max_kernel_drop_ratio":0.5`)
	require.Contains(t, body, `"settling":"0s"`)
}

// An answer that is held outlives the server's usual time-outs, by the client's
// own means too.
func TestHeldAnswer(t *testing.T) {
	r := start(t, nil)
	r.log.Append(clock, &correlate.Snapshot{Hostname: "node-a", Time: clock, EventSource: "syscall"})
	c, err := client.New(r.base, nil)
	require.NoError(t, err)
	answer := make(chan *verifier.Verdict, 1)
	go func() {
		defer close(answer)
		v, err := c.Verdict(t.Context(), client.Query{Namespace: "shadow-1", Since: "10m", Until: "1s", Wait: time.Minute, Evidence: "heard"}, false)
		if err != nil {
			t.Errorf("verdict: %v", err)
			return
		}
		answer <- v
	}()
	require.Eventually(t, func() bool {
		r.log.Append(clock, inPod("shadow-1", "web", time.Minute, correlate.Critical))
		select {
		case v := <-answer:
			require.Equal(t, verifier.Fail, v.Verdict)
			return true
		default:
			return false
		}
	}, 20*time.Second, 10*time.Millisecond)
}

func TestExplanation(t *testing.T) {
	r := start(t, nil)
	c, err := client.New(r.base, nil)
	require.NoError(t, err)
	v, err := c.Verdict(t.Context(), client.Query{Namespace: "shadow-1", Since: "10m"}, true)
	require.NoError(t, err)
	e, err := c.Explain(t.Context(), v.ID)
	require.NoError(t, err)
	require.True(t, e.Identical, e.Differences)
	require.Equal(t, v.ID, e.Verdict.ID)

	_, err = c.Explain(t.Context(), "0123456789abcdef0123456789abcdef")
	var refused *client.ProblemError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusNotFound, refused.Status)
	res, body := r.get(t, "/v1/verdicts/"+v.ID+"/explanation?limit=1")
	requireProblem(t, res, body, http.StatusBadRequest, "limit", "unknown")

	d, err := c.Diagnose(t.Context())
	require.NoError(t, err)
	require.Equal(t, "no_sensor", d.Findings[0].Problem)
}
