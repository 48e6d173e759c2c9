package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// policyOptions are the flags that say what a pass needs. On the server they hold
// for every question; asking, each replaces the server's when it is given.
type policyOptions struct {
	flags        *pflag.FlagSet
	evidence     string
	settling     time.Duration
	clockSkew    time.Duration
	kernelDrops  float64
	hostAlerts   string
	requireRules []string
}

// register registers the flags. Asking, none has a default of its own.
func (o *policyOptions) register(flags *pflag.FlagSet, asking bool) {
	o.flags = flags
	d := verifier.DefaultPolicy()
	choiceFlag(flags, &o.evidence, "evidence", "", string(d.Evidence),
		[]string{string(verifier.Accounted), string(verifier.Heard), string(verifier.None)}, "the least that a pass needs")
	durationFlag(flags, &o.settling, "settling", d.Settling, "how long an alert may be on its way through Falco; a pass waits that much longer")
	durationFlag(flags, &o.clockSkew, "clock-skew", d.ClockSkew, "how far a sensor's clock may be off")
	flags.Float64Var(&o.kernelDrops, "max-kernel-drop-ratio", d.MaxKernelDropRatio, "`share` of kernel events that a sensor may drop between two snapshots, 0 to 1")
	choiceFlag(flags, &o.hostAlerts, "host-alerts", "", string(d.HostAlerts),
		[]string{string(verifier.HostReport), string(verifier.HostInconclusive), string(verifier.HostFail)}, "what alerts of the hosts themselves do")
	flags.StringArrayVar(&o.requireRules, "require-rule", nil, "`rule` that every sensor must have loaded; repeatable")
	if !asking {
		return
	}
	for _, name := range []string{"evidence", "settling", "clock-skew", "max-kernel-drop-ratio", "host-alerts"} {
		f := flags.Lookup(name)
		f.DefValue = ""
		f.Usage += " (the server's default unless given)"
	}
}

// policy is what the flags say, with their defaults.
func (o *policyOptions) policy() (verifier.Policy, error) {
	p := verifier.Policy{
		Evidence: verifier.Evidence(o.evidence), Settling: o.settling, ClockSkew: o.clockSkew,
		MaxKernelDropRatio: o.kernelDrops, HostAlerts: verifier.HostAlerts(o.hostAlerts), RequireRules: o.requireRules,
	}
	return p, o.wrong(p)
}

// wrong is the usage error of a policy that can't be, naming the flag.
func (o *policyOptions) wrong(p verifier.Policy) error {
	err := p.Validate()
	var field *verifier.FieldError
	if !errors.As(err, &field) {
		return err
	}
	flag := map[string]string{
		"settling": "settling", "clock_skew": "clock-skew", "max_kernel_drop_ratio": "max-kernel-drop-ratio", "require_rules": "require-rule",
	}[field.Field]
	return usagef("--%s: %s", flag, field.Detail)
}

// into puts the flags that were given into a question: the server has its own
// defaults for the others.
func (o *policyOptions) into(q *client.Query) error {
	if _, err := o.policy(); err != nil {
		return err
	}
	given := func(flag string, to *string, value string) {
		if o.flags.Changed(flag) {
			*to = value
		}
	}
	given("evidence", &q.Evidence, o.evidence)
	given("settling", &q.Settling, o.settling.String())
	given("clock-skew", &q.ClockSkew, o.clockSkew.String())
	given("max-kernel-drop-ratio", &q.MaxKernelDropRatio, strconv.FormatFloat(o.kernelDrops, 'g', -1, 64))
	given("host-alerts", &q.HostAlerts, o.hostAlerts)
	q.RequireRules = o.requireRules
	return nil
}
