package httpapi

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
)

// question turns parameters into what the service is asked. Whether that can be
// answered is for the service to check.
func (p params) question(now time.Time) (q verifier.Question, err error) {
	q.Namespace = p[parameter.Namespace].value
	q.Pods = verifier.Pods{
		Name: p[parameter.Pod].value, Selector: p[parameter.Selector].value, Owner: p[parameter.Owner].value, Hash: p[parameter.Hash].value, VCluster: p[parameter.VCluster].value,
	}
	q.Rule = p[parameter.Rule].value
	q.Sensor = p[parameter.Sensor].value
	if q.Window, err = p.window(now); err != nil {
		return q, err
	}
	if q.Severity, err = p.severity(); err != nil {
		return q, err
	}
	if q.Limit, err = p.limit(); err != nil {
		return q, err
	}
	if q.Wait, err = p.wait(); err != nil {
		return q, err
	}
	if err = p.read(parameter.AsOf, func(v string) (err error) { q.AsOf, err = parsePosition(v); return err }); err != nil {
		return q, err
	}
	if q.Excuses, err = p.excuses(); err != nil {
		return q, err
	}
	q.Change, err = p.change()
	return q, err
}

// wait reads for how long a pending answer may be held; it is zero when that was
// not given.
func (p params) wait() (d time.Duration, err error) {
	return d, p.read(parameter.Wait, func(v string) (err error) { d, err = parameter.ParseDuration(v); return err })
}

// change reads the parts of the policy that the question sets for itself.
func (p params) change() (c verifier.Change, err error) {
	duration := func(to **time.Duration) func(string) error {
		return func(v string) error {
			d, err := parameter.ParseDuration(v)
			*to = &d
			return err
		}
	}
	for name, parse := range map[string]func(string) error{
		parameter.Evidence:   func(v string) (err error) { c.Evidence, err = verifier.ParseEvidence(v); return err },
		parameter.Settling:   duration(&c.Settling),
		parameter.ClockSkew:  duration(&c.ClockSkew),
		parameter.HostAlerts: func(v string) (err error) { c.HostAlerts, err = verifier.ParseHostAlerts(v); return err },
		parameter.MaxKernelDrop: func(v string) error {
			ratio, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return fmt.Errorf("want a number from 0 to 1, have %.40q", v)
			}
			c.MaxKernelDropRatio = &ratio
			return nil
		},
		parameter.RequireRules: func(v string) error { c.RequireRules = readRules(v); return nil },
	} {
		if readErr := p.read(name, parse); readErr != nil {
			return c, readErr
		}
	}
	return c, nil
}

// readRules reads names of rules: as JSON, else text as ParseRules has it.
func readRules(v string) []string {
	if rules, isJSON := jsonRules(v); isJSON {
		return rules
	}
	return ParseRules(v)
}

// jsonRules reads names of rules that are a list in JSON, or one text as ParseRules has it.
func jsonRules(v string) (rules []string, isJSON bool) {
	var text string
	switch {
	case json.Unmarshal([]byte(v), &rules) == nil && rules != nil:
		return rules, true
	case json.Unmarshal([]byte(v), &text) == nil && text != "":
		return ParseRules(text), true
	}
	return nil, false
}

// ParseRules reads names of rules that are separated by commas. A rule whose name
// has a comma is named without it: what is neither a letter nor a digit does not
// tell rules apart.
func ParseRules(s string) []string {
	rules := strings.Split(s, ",")
	for i := range rules {
		rules[i] = strings.TrimSpace(rules[i])
	}
	return rules
}

// parsePosition reads a position of the event log.
func parsePosition(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("want a position of the event log, as an earlier answer gave it, have %.40q", s)
	}
	return n, nil
}

// selection turns parameters into what the service is asked. Without a start
// the list begins with the oldest alert that is kept.
func (p params) selection(now time.Time) (sel verifier.Selection, err error) {
	sel.Namespace = p[parameter.Namespace].value
	sel.Scope = verifier.Scope(p[parameter.Scope].value)
	sel.Pod = p[parameter.Pod].value
	sel.Rule = p[parameter.Rule].value
	sel.Sensor = p[parameter.Sensor].value
	if sel.Window, err = p.window(now); err != nil {
		return sel, err
	}
	if sel.Window.Start.IsZero() {
		sel.Window.Start = time.Unix(0, 0)
	}
	if sel.Severity, err = p.severity(); err != nil {
		return sel, err
	}
	if sel.Limit, err = p.limit(); err != nil {
		return sel, err
	}
	if err = p.read(parameter.Order, func(v string) (err error) { sel.Order, err = parseOrder(v); return err }); err != nil {
		return sel, err
	}
	return sel, p.read(parameter.Cursor, func(v string) (err error) { sel.After, err = correlate.ParseCursor(v); return err })
}

func parseOrder(s string) (correlate.Order, error) {
	switch s {
	case parameter.OrderNewest:
		return correlate.NewestFirst, nil
	case parameter.OrderOldest:
		return correlate.OldestFirst, nil
	}
	return 0, fmt.Errorf("unknown order %.40q: want %s or %s", s, parameter.OrderNewest, parameter.OrderOldest)
}
