package main

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/verifier"
)

// excuseOptions are the flags that say which alerts do not fail a question.
type excuseOptions struct {
	flags       *pflag.FlagSet
	rules, tags []string
	maxAlerts   uint64
	baseline    verifier.Baseline
	lookback    time.Duration
}

func (o *excuseOptions) register(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringArrayVar(&o.rules, "ignore-rule", nil, "rule whose alerts do not count, and why, `NAME=REASON`; repeatable")
	flags.StringArrayVar(&o.tags, "ignore-tag", nil, "tag whose alerts do not count, and why, `TAG=REASON`; repeatable")
	flags.Uint64Var(&o.maxAlerts, "max-alerts", 0, "`number` of alerts that may be there without a fail")
	flags.StringVar(&o.baseline.Namespace, "baseline", "", "`namespace` whose alerts do not count here too, such as that of the live workload")
	flags.StringVar(&o.baseline.Pod, "baseline-pod", "", "its pods whose names match this `pattern`")
	flags.StringVar(&o.baseline.Selector, "baseline-selector", "", "its pods with these labels, a `selector`")
	flags.StringVar(&o.baseline.Owner, "baseline-owner", "", "its pods of this `owner`, kind/name")
	flags.StringVar(&o.baseline.Hash, "baseline-hash", "", "its pods of this `hash` of their template")
	durationFlag(flags, &o.lookback, "baseline-lookback", verifier.DefaultLookback, "for how long before the window the baseline's alerts count")
}

// excuses are what the flags say, or a usage error.
func (o *excuseOptions) excuses() (e verifier.Excuses, err error) {
	for _, named := range []struct {
		flag   string
		values []string
		ignore func(name, reason string) verifier.Ignore
	}{
		{"ignore-rule", o.rules, func(name, reason string) verifier.Ignore { return verifier.Ignore{Rule: name, Reason: reason} }},
		{"ignore-tag", o.tags, func(name, reason string) verifier.Ignore { return verifier.Ignore{Tag: name, Reason: reason} }},
	} {
		for _, value := range named.values {
			name, reason, found := strings.Cut(value, "=")
			if !found || name == "" || reason == "" {
				return e, usagef("--%s: want NAME=REASON, have %.200q: the verdict repeats why it is ignored", named.flag, value)
			}
			e.Ignore = append(e.Ignore, named.ignore(name, reason))
		}
	}
	e.MaxAlerts = o.maxAlerts
	if o.baseline.Namespace == "" {
		for _, flag := range []string{"baseline-pod", "baseline-selector", "baseline-owner", "baseline-hash", "baseline-lookback"} {
			if o.flags.Changed(flag) {
				return e, usagef("--%s: goes with --baseline", flag)
			}
		}
	} else {
		b := o.baseline
		b.Lookback = verifier.Duration(o.lookback)
		e.Baseline = &b
	}
	if err := e.Validate(); err != nil {
		return e, usagef("%v", err)
	}
	return e, nil
}
