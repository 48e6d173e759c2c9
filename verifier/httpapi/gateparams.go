package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
)

var (
	gateParams = []string{
		parameter.ID, parameter.Namespace, parameter.Severity, parameter.Start, parameter.FirstPod, parameter.End, parameter.Duration, parameter.Deadline,
		parameter.Pod, parameter.Selector, parameter.Owner, parameter.Hash, parameter.VCluster, parameter.Rule, parameter.Sensor,
		parameter.Evidence, parameter.Settling, parameter.ClockSkew, parameter.MaxKernelDrop, parameter.HostAlerts, parameter.RequireRules,
		parameter.Ignore, parameter.MaxAlerts, parameter.Baseline, parameter.Labels, parameter.Digest,
	}
	closeParams = []string{parameter.End}
	gatesParams = []string{parameter.Namespace, parameter.State, parameter.Label, parameter.Limit}
	// structured are the members of a gate's body that are more than a string or a
	// number. Their values are kept as JSON.
	structured = []string{parameter.Labels, parameter.RequireRules, parameter.FirstPod, parameter.Ignore, parameter.Baseline}
)

// DefaultListGates is how many gates a list has unless another number is given.
const DefaultListGates = 100

// gateSpec turns parameters into a gate that is opened at a time. Whether that can be
// is for the gates to check.
func (p params) gateSpec(now time.Time) (s verifier.GateSpec, err error) {
	s.ID, s.Namespace, s.Digest = p[parameter.ID].value, p[parameter.Namespace].value, p[parameter.Digest].value
	s.Pod, s.Selector, s.Owner, s.Hash, s.VCluster = p[parameter.Pod].value, p[parameter.Selector].value, p[parameter.Owner].value, p[parameter.Hash].value, p[parameter.VCluster].value
	s.Rule, s.Sensor = p[parameter.Rule].value, p[parameter.Sensor].value
	if s.Severity, err = p.severity(); err != nil {
		return s, err
	}
	if err = p.gateWindow(&s, now); err != nil {
		return s, err
	}
	if err = p.read(parameter.Labels, func(v string) error {
		if json.Unmarshal([]byte(v), &s.Labels) != nil {
			return fmt.Errorf(`want an object whose values are strings, each name once, such as {"run": "7"}`)
		}
		return nil
	}); err != nil {
		return s, err
	}
	excuses, err := p.excuses()
	if err != nil {
		return s, err
	}
	s.Ignore, s.MaxAlerts, s.Baseline = excuses.Ignore, excuses.MaxAlerts, excuses.Baseline
	if err = p.checkRules(); err != nil {
		return s, err
	}
	c, err := p.change()
	s.Evidence, s.Settling, s.ClockSkew = c.Evidence, (*verifier.Duration)(c.Settling), (*verifier.Duration)(c.ClockSkew)
	s.MaxKernelDropRatio, s.HostAlerts, s.RequireRules = c.MaxKernelDropRatio, c.HostAlerts, c.RequireRules
	return s, err
}

// gateWindow reads the times of a gate that is opened at one.
func (p params) gateWindow(s *verifier.GateSpec, now time.Time) error {
	start := now
	if err := p.read(parameter.FirstPod, func(v string) error {
		if v != "true" && v != "false" {
			return fmt.Errorf("want true or false, have %.40s", v)
		}
		s.FirstPod = v == "true"
		return nil
	}); err != nil {
		return err
	}
	if err := p.read(parameter.Start, func(v string) (err error) { s.Start, err = parameter.ParseTime(v, now); start = s.Start; return err }); err != nil {
		return err
	}
	if err := p.read(parameter.End, func(v string) (err error) { s.End, err = parameter.ParseTime(v, now); return err }); err != nil {
		return err
	}
	if err := p.read(parameter.Duration, func(v string) error {
		d, err := parameter.ParseDuration(v)
		switch _, ends := p[parameter.End]; {
		case err != nil:
			return err
		case ends:
			return fmt.Errorf("give an end or a duration, not both")
		case s.FirstPod:
			return fmt.Errorf("counts from the start, which is not known with first_pod: give an end, or close the gate")
		case d == 0:
			return fmt.Errorf("want more than 0")
		}
		s.End = start.Add(d)
		return nil
	}); err != nil {
		return err
	}
	return p.read(parameter.Deadline, func(v string) error {
		if d, err := parameter.ParseDuration(v); err == nil && d > 0 {
			s.Deadline = now.Add(d) // a deadline in the past is of no use
			return nil
		}
		var err error
		s.Deadline, err = parameter.ParseTime(v, now)
		return err
	})
}

// checkRules refuses a require_rules of a body that is neither a list nor one text.
func (p params) checkRules() error {
	return p.read(parameter.RequireRules, func(v string) error {
		if _, isJSON := jsonRules(v); !isJSON {
			return fmt.Errorf("want a list of names, or names that are separated by commas")
		}
		return nil
	})
}

// inGate reads the parameters of a gate from a body.
func inGate(w http.ResponseWriter, r *http.Request) (params, error) {
	return bodyParams(w, r, gateParams, structured...)
}

// inClose reads which gate is closed, and the parameters of a body if there is one.
func inClose(w http.ResponseWriter, r *http.Request) (params, error) {
	p := params{}
	if r.ContentLength != 0 || r.URL.RawQuery != "" {
		var err error
		if p, err = bodyParams(w, r, closeParams); err != nil {
			return p, err
		}
	}
	p[parameter.ID] = param{parameter.ID, r.PathValue("id")}
	return p, nil
}

// inGatesQuery reads the parameters of a list of gates, of which one may come several
// times.
func inGatesQuery(_ http.ResponseWriter, r *http.Request) (params, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return queryParams(r.URL.RawQuery, gatesParams)
	}
	labels := map[string]string{}
	for _, label := range values[parameter.Label] {
		name, value, found := strings.Cut(label, "=")
		_, twice := labels[name]
		switch {
		case !found || name == "":
			return nil, &verifier.FieldError{Field: parameter.Label, Detail: fmt.Sprintf("want NAME=VALUE, have %.80q", label)}
		case twice:
			return nil, &verifier.FieldError{Field: parameter.Label, Detail: fmt.Sprintf("%.80q is given more than once", name)}
		}
		labels[name] = value
	}
	delete(values, parameter.Label)
	p, err := queryParams(values.Encode(), gatesParams)
	if err != nil || len(labels) == 0 {
		return p, err
	}
	text, err := json.Marshal(labels)
	p[parameter.Label] = param{parameter.Label, string(text)}
	return p, err
}

// gateFilter turns parameters into which gates are listed, and how many at most.
func (p params) gateFilter() (f verifier.GateFilter, limit int, err error) {
	f.Namespace = p[parameter.Namespace].value
	if err = p.read(parameter.State, func(v string) error {
		f.State = verifier.GateState(v)
		states := verifier.GateStates
		if !slices.Contains(states, f.State) {
			return fmt.Errorf("unknown state %.40q: want %s, %s, %s or %s", v, states[0], states[1], states[2], states[3])
		}
		return nil
	}); err != nil {
		return f, 0, err
	}
	if err = p.read(parameter.Label, func(v string) error { return json.Unmarshal([]byte(v), &f.Labels) }); err != nil {
		return f, 0, err
	}
	if limit, err = p.limit(); limit == 0 {
		limit = DefaultListGates
	}
	return f, limit, err
}
