package verifier

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/falcogate/falcogate/correlate"
)

// Limits of a Question's alerts.
const (
	DefaultVerdictAlerts = 10
	MaxAlerts            = 1000
)

// Question asks for a verdict: did Falco see anything in Namespace, in Window,
// at Severity or above? The other fields narrow it. Its zero value is refused:
// neither the namespace nor the window has a default.
type Question struct {
	Namespace string // exact; required; a name that Kubernetes allows
	// Window is event time, [start, end); not in the future. Its start is required
	// unless Pods says which pods are meant: then it is when the first of them was
	// placed on its node.
	Window   correlate.Window
	Pods     Pods               // of the namespace; the zero value is all
	Rule     string             // exact; empty means all rules
	Sensor   string             // exact hostname; empty means all sensors
	Severity correlate.Priority // zero means Warning
	Limit    int                // alerts to list, at most MaxAlerts; zero means DefaultVerdictAlerts
	// Excuses say which alerts do not fail it.
	Excuses Excuses
	// Change sets parts of the service's policy for this question.
	Change Change
	// AsOf is the position of the event log to answer at; zero means its end.
	AsOf uint64
	// Wait is how long an answer is held while it is pending, at most MaxWait. It
	// goes with AsOf zero only.
	Wait time.Duration
}

// MaxWait bounds Question.Wait.
const MaxWait = 10 * time.Minute

// FieldError says which field of a question is wrong, and why. Field is a
// parameter's name in the HTTP interface: "namespace", "start", "end", "pod",
// "selector", "owner", "hash", "vcluster", "rule", "sensor", "severity", "limit", "scope",
// "order", "cursor", "as_of", "wait" or one of the policy: "evidence", "settling",
// "clock_skew", "max_kernel_drop_ratio", "host_alerts", "require_rules", or one of the
// excuses: "ignore", "max_alerts", and "baseline.namespace" and the like.
type FieldError struct {
	Field, Detail string
}

// Error is "field: detail".
func (e *FieldError) Error() string { return e.Field + ": " + e.Detail }

// withDefaults fills in what may be left out.
func (q Question) withDefaults() Question {
	if q.Severity == 0 {
		q.Severity = correlate.Warning
	}
	if q.Limit == 0 {
		q.Limit = DefaultVerdictAlerts
	}
	return q
}

// Validate returns a *FieldError for the first field that is wrong, or nil. Now
// is the caller's clock: a window that reaches beyond it is refused, because
// its end would be silent by construction. Fields left out are right when they
// have a default.
func (q Question) Validate(now time.Time) error {
	_, err := q.ask(now, DefaultPolicy(), nil, PlacementsAuto)
	return err
}

// asked is a question that was checked, with all that it leaves to defaults.
type asked struct {
	Question
	policy     Policy
	listed     []string // the sensors that must prove silence, as far as they were listed
	hosts      []string // those that the service lists
	placements Placements
	scope      correlate.PodScope
	implied    bool // the window starts with the first pod
	queries

	// What place finds out from a state.
	need   []string // the sensors that must prove silence; nil means all that were heard
	placed bool     // placements are used
	nobody bool     // there is no pod that the window could start with
	where  correlate.Placed

	base *asked          // the baseline's question; nil for none
	told map[uint64]told // of the alerts that were read, by position
}

// ask checks the question. Policy, sensors and placements are the service's.
func (q Question) ask(now time.Time, policy Policy, sensors []string, placements Placements) (asked, error) {
	a := asked{Question: q.withDefaults(), policy: q.Change.apply(policy), listed: sensors, hosts: sensors, placements: placements, told: map[uint64]told{}}
	a.Excuses.Baseline = a.Excuses.Baseline.withDefaults()
	if q.Sensor != "" {
		a.listed = []string{q.Sensor}
	}
	var err error
	if a.scope, err = q.Pods.scope(q.Namespace); err != nil {
		return a, err
	}
	a.scope.Sensor = q.Sensor
	if q.Window.Start.IsZero() && !a.scope.All() {
		a.implied = true
		a.Window.Start = time.Unix(0, 0) // until place knows better
	}
	if err := a.placeable(); err != nil {
		return a, err
	}
	if a.queries, err = a.Question.queries(now, a.scope); err != nil {
		return a, err
	}
	if err := a.policy.Validate(); err != nil {
		return a, err
	}
	if err := a.Excuses.Validate(); err != nil {
		return a, err
	}
	if err := a.askBaseline(now); err != nil {
		return a, err
	}
	switch {
	case q.Wait < 0 || q.Wait > MaxWait:
		return a, &FieldError{"wait", fmt.Sprintf("want 0 to %s, have %s", MaxWait, q.Wait)}
	case q.Wait > 0 && q.AsOf > 0:
		return a, &FieldError{"wait", "an answer as of a position of the log does not change: leave out wait or as_of"}
	}
	return a, nil
}

// placeable refuses what needs placements where the daemon does not use them.
func (a *asked) placeable() error {
	if a.placements != PlacementsIgnored {
		return nil
	}
	for _, s := range []struct{ field, value string }{
		{"selector", a.Pods.Selector}, {"owner", a.Pods.Owner}, {"hash", a.Pods.Hash}, {"vcluster", a.Pods.VCluster},
	} {
		if s.value != "" {
			return &FieldError{s.field, "needs to know which pods there were, and this falcogate ignores placements (serve --placements): name pods by pod"}
		}
	}
	if a.implied {
		return &FieldError{"start", "required: this falcogate ignores placements (serve --placements), and so does not know when the first pod was placed"}
	}
	return nil
}

// queries checks what the index is asked, and words it.
func (q Question) queries(now time.Time, scope correlate.PodScope) (queries, error) {
	if err := CheckNamespace(q.Namespace); err != nil {
		return queries{}, err
	}
	inScope, err := filter{
		window: q.Window, severity: q.Severity, pod: q.Pods.Name, rule: q.Rule, sensor: q.Sensor, limit: q.Limit,
	}.query(now)
	if err != nil {
		return queries{}, err
	}
	inScope.Scope, inScope.Namespace = correlate.InNamespace, q.Namespace

	out := queries{inScope: inScope, podless: inScope, unattributed: inScope}
	// A pattern that matches the empty name has counted those already.
	out.askPodless = !inScope.Pod.Match("") || !scope.ByName()
	out.podless.Pod = correlate.NoPod()
	if !scope.ByName() {
		out.podless.Pod = correlate.Glob{} // place narrows it to those that no pod is known to have
	}
	// Which pod such an alert belongs to is as open as its namespace: the
	// pattern must not leave it out.
	out.unattributed.Pod = correlate.Glob{}
	out.unattributed.Namespace = ""
	out.host = out.unattributed
	out.unattributed.Scope, out.host.Scope = correlate.WithoutNamespace, correlate.Host
	return out, nil
}

// queries are what a verdict asks of the index.
type queries struct {
	inScope      correlate.Query // what decides
	podless      correlate.Query // in the namespace, but which pod is not known
	unattributed correlate.Query // which namespace is not known
	host         correlate.Query // on the host itself
	askPodless   bool
}

// filter is what questions and lists have in common.
type filter struct {
	window            correlate.Window
	severity          correlate.Priority
	pod, rule, sensor string
	limit             int
}

// query checks the filter. The query's scope is left to the caller.
func (f filter) query(now time.Time) (correlate.Query, error) {
	q := correlate.Query{Window: f.window, MinPriority: f.severity, Rule: f.rule, Sensor: f.sensor}
	if err := checkWindow(f.window, now); err != nil {
		return q, err
	}
	if !f.severity.Valid() {
		return q, &FieldError{"severity", fmt.Sprintf("%s is none of Falco's priorities", f.severity)}
	}
	if f.pod != "" {
		pod, err := correlate.ParseGlob(f.pod)
		if err != nil {
			return q, &FieldError{"pod", err.Error()}
		}
		q.Pod = pod
	}
	for _, s := range []struct{ field, value string }{{"pod", f.pod}, {"rule", f.rule}, {"sensor", f.sensor}} {
		if !utf8.ValidString(s.value) {
			return q, &FieldError{s.field, "want UTF-8"}
		}
	}
	if f.limit < 1 || f.limit > MaxAlerts {
		return q, &FieldError{"limit", fmt.Sprintf("want 1 to %d, have %d", MaxAlerts, f.limit)}
	}
	return q, nil
}

// checkWindow refuses a window that can't be answered for.
func checkWindow(w correlate.Window, now time.Time) error {
	switch {
	case w.Start.IsZero():
		return &FieldError{"start", "required: say since when alerts count, or name pods, so that it is when the first of them was placed"}
	case w.Start.Unix() < 0:
		return &FieldError{"start", fmt.Sprintf("%s is before 1970", stamp(w.Start))}
	case w.Start.After(now):
		return &FieldError{"start", InFuture(w.Start, now)}
	case w.End.IsZero():
		return &FieldError{"end", "required"}
	case w.End.After(now):
		return &FieldError{"end", InFuture(w.End, now)}
	case !w.Start.Before(w.End):
		return &FieldError{"start", fmt.Sprintf("%s is not before the end, %s: the window would be empty", stamp(w.Start), stamp(w.End))}
	}
	return nil
}

// InFuture says that a time lies ahead, and what to do about it.
func InFuture(t, now time.Time) string {
	return fmt.Sprintf("%s is in the future: it is %s here. Keep the clocks of who asks and of falcogate in step (NTP)", stamp(t), stamp(now))
}

// CheckNamespace returns a *FieldError for a name that no namespace can have.
// Nothing would ever be seen in those, so a typo would pass where silence is
// trusted.
func CheckNamespace(ns string) error {
	if ns == "" {
		return &FieldError{"namespace", "required: name the namespace to ask about"}
	}
	ok := len(ns) <= 63 && ns[0] != '-' && ns[len(ns)-1] != '-'
	for _, c := range []byte(ns) {
		ok = ok && (c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z')
	}
	if !ok {
		return &FieldError{"namespace", fmt.Sprintf(
			"%.80q can be no namespace: want at most 63 lower-case letters, digits and hyphens, no hyphen at either end", ns)}
	}
	return nil
}
