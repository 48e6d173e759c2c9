package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
)

// aliases are the other names that parameters go by in the field.
var aliases = map[string]string{
	"ns":       parameter.Namespace,
	"priority": parameter.Severity,
	"since":    parameter.Start,
	"until":    parameter.End,
}

var (
	verdictParams = []string{
		parameter.Namespace, parameter.Severity, parameter.Start, parameter.End, parameter.Pod, parameter.Selector, parameter.Owner, parameter.Hash, parameter.VCluster,
		parameter.Rule, parameter.Sensor, parameter.Limit,
		parameter.Evidence, parameter.Settling, parameter.ClockSkew, parameter.MaxKernelDrop, parameter.HostAlerts, parameter.RequireRules,
		parameter.Ignore, parameter.MaxAlerts, parameter.Baseline,
		parameter.AsOf, parameter.Wait, parameter.Format,
	}
	alertsParams = []string{
		parameter.Namespace, parameter.Scope, parameter.Severity, parameter.Start, parameter.End, parameter.Pod, parameter.Rule, parameter.Sensor,
		parameter.Order, parameter.Limit, parameter.Cursor,
	}
)

// param is one parameter as it was given.
type param struct{ name, value string }

// params are the parameters of a request by their own names, each once and none
// of them empty.
type params map[string]param

// newParams checks the names against those that the route knows. The error is a
// *verifier.FieldError with the name as it was given.
func newParams(given []param, known []string) (params, error) {
	p := params{}
	for _, g := range given {
		name, ok := aliases[g.name]
		if !ok {
			name = g.name
		}
		if !slices.Contains(known, name) {
			return nil, &verifier.FieldError{Field: g.name, Detail: "unknown parameter: want " + strings.Join(known, ", ")}
		}
		if before, twice := p[name]; twice {
			detail := "given more than once"
			if before.name != g.name {
				detail = fmt.Sprintf("the same as %s, which is given too", before.name)
			}
			return nil, &verifier.FieldError{Field: g.name, Detail: detail}
		}
		if g.value == "" {
			return nil, &verifier.FieldError{Field: g.name, Detail: "is empty: give it a value or leave it out"}
		}
		p[name] = g
	}
	return p, nil
}

// queryParams reads a URL's query string.
func queryParams(rawQuery string, known []string) (params, error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, &verifier.FieldError{Field: "", Detail: fmt.Sprintf("the query string cannot be read: %v", err)}
	}
	var given []param
	for name, all := range values {
		for _, v := range all {
			given = append(given, param{name, v})
		}
	}
	// In a fixed order, so that the same request gets the same answer.
	slices.SortStableFunc(given, func(a, b param) int { return strings.Compare(a.name, b.name) })
	return newParams(given, known)
}

// given is the name under which a parameter came, or its own.
func (p params) given(name string) string {
	if g, ok := p[name]; ok {
		return g.name
	}
	return name
}

// read calls parse with a parameter's value when it was given. An error of
// parse becomes one of that parameter.
func (p params) read(name string, parse func(string) error) error {
	g, ok := p[name]
	if !ok {
		return nil
	}
	if err := parse(g.value); err != nil {
		return &verifier.FieldError{Field: g.name, Detail: err.Error()}
	}
	return nil
}

// window reads start and end. Without an end the window ends now; without a
// start its start is zero.
func (p params) window(now time.Time) (w correlate.Window, err error) {
	w.End = now
	if err := p.read(parameter.Start, func(s string) (err error) { w.Start, err = parameter.ParseTime(s, now); return err }); err != nil {
		return w, err
	}
	return w, p.read(parameter.End, func(s string) (err error) { w.End, err = parameter.ParseTime(s, now); return err })
}

// severity reads the threshold; it is zero when none was given.
func (p params) severity() (s correlate.Priority, err error) {
	return s, p.read(parameter.Severity, func(v string) (err error) { s, err = correlate.ParsePriority(v); return err })
}

// format reads in which form the verdict is wanted.
func (p params) format() (f string, err error) {
	return f, p.read(parameter.Format, func(v string) error {
		if f = v; f != parameter.FormatFalcogate && f != parameter.FormatAegis {
			return fmt.Errorf("want %s or %s, have %.40q", parameter.FormatFalcogate, parameter.FormatAegis, v)
		}
		return nil
	})
}

// limit reads how many alerts to list; it is zero when none was given.
func (p params) limit() (n int, err error) {
	return n, p.read(parameter.Limit, func(v string) (err error) {
		n, err = strconv.Atoi(v)
		if err != nil || n < 1 || n > verifier.MaxAlerts {
			return fmt.Errorf("want a number from 1 to %d, have %.40q", verifier.MaxAlerts, v)
		}
		return nil
	})
}
