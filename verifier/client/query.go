package client

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
)

// Query has the parameters of a request, as a user gives them: they are read by
// the server, whose clock counts. What is empty or zero is not sent.
type Query struct {
	Namespace string
	Since     string // time, or how long ago
	Until     string // likewise
	Pod       string // pattern
	Rule      string
	Sensor    string
	Severity  string
	Limit     int

	// Verdicts only.
	Selector           string // label selector
	Owner              string // kind/name
	Hash               string // of the pods' template
	VCluster           string // name/namespace
	Evidence           string
	Settling           string // duration
	ClockSkew          string // duration
	MaxKernelDropRatio string // 0 to 1
	HostAlerts         string // report, inconclusive or fail
	RequireRules       []string
	Excuses            verifier.Excuses
	Wait               time.Duration
	AsOf               uint64

	Scope  string // alerts only: all, host or unattributed
	Order  string // alerts only: parameter.OrderNewest or parameter.OrderOldest
	Cursor string // alerts only: AlertList.NextCursor
}

// Orders of a list of alerts.
const (
	OrderNewest = parameter.OrderNewest
	OrderOldest = parameter.OrderOldest
)

// Values are the parameters as a query string has them, for a link to the same
// question.
func (q Query) Values() url.Values {
	values := url.Values{}
	for name, value := range q.parameters() {
		values.Set(name, value)
	}
	return values
}

// parameters are those that are set, by name.
func (q Query) parameters() map[string]string {
	p := map[string]string{
		parameter.Namespace: q.Namespace, parameter.Start: q.Since, parameter.End: q.Until, parameter.Pod: q.Pod, parameter.Rule: q.Rule,
		parameter.Sensor: q.Sensor, parameter.Severity: q.Severity, parameter.Evidence: q.Evidence, parameter.Scope: q.Scope,
		parameter.Order: q.Order, parameter.Cursor: q.Cursor,
	}
	p[parameter.Selector], p[parameter.Owner], p[parameter.Hash], p[parameter.VCluster] = q.Selector, q.Owner, q.Hash, q.VCluster
	p[parameter.Settling], p[parameter.ClockSkew], p[parameter.MaxKernelDrop] = q.Settling, q.ClockSkew, q.MaxKernelDropRatio
	p[parameter.HostAlerts], p[parameter.RequireRules] = q.HostAlerts, strings.Join(q.RequireRules, ",")
	q.excuseParams(p)
	if q.Wait > 0 {
		p[parameter.Wait] = q.Wait.String()
	}
	if q.AsOf > 0 {
		p[parameter.AsOf] = strconv.FormatUint(q.AsOf, 10)
	}
	if q.Limit != 0 {
		p[parameter.Limit] = strconv.Itoa(q.Limit)
	}
	for name, value := range p {
		if value == "" {
			delete(p, name)
		}
	}
	return p
}
