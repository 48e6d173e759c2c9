package verifier_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
)

func TestPolicyValidate(t *testing.T) {
	require.NoError(t, verifier.DefaultPolicy().Validate())
	require.NoError(t, verifier.Policy{}.Validate(), "what is left empty is right")
	for _, tt := range []struct {
		field  string
		change func(*verifier.Policy)
	}{
		{"evidence", func(p *verifier.Policy) { p.Evidence = "some" }},
		{"host_alerts", func(p *verifier.Policy) { p.HostAlerts = "Fail" }},
		{"settling", func(p *verifier.Policy) { p.Settling = -1 }},
		{"settling", func(p *verifier.Policy) { p.Settling = verifier.MaxSettling + 1 }},
		{"clock_skew", func(p *verifier.Policy) { p.ClockSkew = -time.Second }},
		{"clock_skew", func(p *verifier.Policy) { p.ClockSkew = verifier.MaxClockSkew + 1 }},
		{"max_kernel_drop_ratio", func(p *verifier.Policy) { p.MaxKernelDropRatio = math.NaN() }},
		{"max_kernel_drop_ratio", func(p *verifier.Policy) { p.MaxKernelDropRatio = -0.1 }},
		{"max_kernel_drop_ratio", func(p *verifier.Policy) { p.MaxKernelDropRatio = 1.1 }},
		{"require_rules", func(p *verifier.Policy) { p.RequireRules = []string{"a", ""} }},
		{"require_rules", func(p *verifier.Policy) { p.RequireRules = []string{strings.Repeat("a", 1025)} }},
		{"require_rules", func(p *verifier.Policy) { p.RequireRules = make([]string, verifier.MaxRequiredRules+1) }},
	} {
		p := verifier.DefaultPolicy()
		tt.change(&p)
		var field *verifier.FieldError
		require.ErrorAs(t, p.Validate(), &field)
		require.Equal(t, tt.field, field.Field)
		require.NotEmpty(t, field.Detail)
	}
}

// A question changes what it names, and the service's policy holds for the rest.
func TestQuestionChangesThePolicy(t *testing.T) {
	r := startWith(t, lossy(), verifier.TailOptions{}, verifier.ServiceOptions{
		Policy: verifier.Policy{
			Evidence: verifier.Heard, Settling: 3 * time.Second, ClockSkew: time.Minute, MaxKernelDropRatio: 0.5,
			HostAlerts: verifier.HostFail, RequireRules: []string{"Terminal shell in container"},
		},
		Sensors: []string{"node-a"},
	})
	q := over("shadow-1", 4*time.Minute, time.Minute)
	q.Change = verifier.Change{}
	v := r.ask(t, q)
	require.Equal(t, verifier.Heard, v.Evidence)
	require.Equal(t, verifier.PolicyApplied{
		Settling: verifier.Duration(3 * time.Second), ClockSkew: verifier.Duration(time.Minute), MaxKernelDropRatio: 0.5,
		HostAlerts: verifier.HostFail, RequireRules: []string{"Terminal shell in container"}, Sensors: []string{"node-a"},
	}, v.Policy)
	require.False(t, v.Coverage.Assumed)
	require.Equal(t, verifier.Pass, v.Verdict)
	q.Change.HostAlerts = verifier.HostInconclusive
	require.Equal(t, verifier.Pass, r.ask(t, q).Verdict, "there is none")

	settling, ratio := time.Second, 0.0
	q.Change = verifier.Change{
		Evidence: verifier.Accounted, Settling: &settling, MaxKernelDropRatio: &ratio, HostAlerts: verifier.HostReport, RequireRules: []string{"Another rule"},
	}
	v = r.ask(t, q)
	require.Equal(t, verifier.Accounted, v.Evidence)
	require.Equal(t, verifier.Duration(time.Second), v.Policy.Settling)
	require.Equal(t, verifier.Duration(time.Minute), v.Policy.ClockSkew, "not named, so the service's")
	require.EqualValues(t, "rule_not_loaded", v.Reason)
}
