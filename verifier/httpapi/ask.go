package httpapi

import (
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// question turns parameters into what the service is asked. Whether that can be
// answered is for the service to check.
func (p params) question(now time.Time) (q verifier.Question, err error) {
	q.Namespace = p[paramNamespace].value
	q.Pod = p[paramPod].value
	q.Rule = p[paramRule].value
	q.Sensor = p[paramSensor].value
	if q.Window, err = p.window(now); err != nil {
		return q, err
	}
	if q.Severity, err = p.severity(); err != nil {
		return q, err
	}
	if q.Limit, err = p.limit(); err != nil {
		return q, err
	}
	return q, p.read(paramEvidence, func(v string) (err error) { q.Evidence, err = verifier.ParseEvidence(v); return err })
}

// selection turns parameters into what the service is asked. Without a start
// the list begins with the oldest alert that is kept.
func (p params) selection(now time.Time) (sel verifier.Selection, err error) {
	sel.Namespace = p[paramNamespace].value
	sel.Scope = verifier.Scope(p[paramScope].value)
	sel.Pod = p[paramPod].value
	sel.Rule = p[paramRule].value
	sel.Sensor = p[paramSensor].value
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
	if err = p.read(paramOrder, func(v string) (err error) { sel.Order, err = parseOrder(v); return err }); err != nil {
		return sel, err
	}
	return sel, p.read(paramCursor, func(v string) (err error) { sel.After, err = correlate.ParseCursor(v); return err })
}

// Orders of a list, as they are given in a parameter.
const (
	OrderNewest = "newest"
	OrderOldest = "oldest"
)

func parseOrder(s string) (correlate.Order, error) {
	switch s {
	case OrderNewest:
		return correlate.NewestFirst, nil
	case OrderOldest:
		return correlate.OldestFirst, nil
	}
	return 0, fmt.Errorf("unknown order %.40q: want %s or %s", s, OrderNewest, OrderOldest)
}
