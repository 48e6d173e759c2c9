package verifier

import (
	"fmt"
	"math"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// Policy says what a pass needs. A service has one for all questions; a question
// may name its own for any part of it.
type Policy struct {
	// Evidence is the least that a pass needs; empty means Accounted.
	Evidence Evidence
	// Settling is how long after an event its alert may still be on its way
	// through Falco: a pass waits for proof that reaches that far behind the
	// window's end.
	Settling time.Duration
	// ClockSkew is how far a sensor's clock may be off the event log's.
	ClockSkew time.Duration
	// MaxKernelDropRatio is the greatest share of kernel events, from 0 to 1, that
	// a sensor may have dropped between two snapshots. 1 tolerates that it does
	// not say.
	MaxKernelDropRatio float64
	// HostAlerts says what alerts of the hosts themselves do; empty means report.
	HostAlerts HostAlerts
	// RequireRules are rules that every needed sensor must have loaded.
	RequireRules []string
}

// Bounds of a policy, and its defaults.
const (
	DefaultSettling  = time.Second
	DefaultClockSkew = 2 * time.Second
	MaxSettling      = time.Hour
	MaxClockSkew     = 24 * time.Hour
	MaxRequiredRules = 100
)

// DefaultPolicy is the strictest, with margins that were measured. It tolerates
// no dropped kernel event.
func DefaultPolicy() Policy {
	return Policy{Evidence: Accounted, Settling: DefaultSettling, ClockSkew: DefaultClockSkew, HostAlerts: HostReport}
}

// HostAlerts says what an alert of a host itself, such as after an escape from a
// container, does to a verdict.
type HostAlerts string

// What host alerts do.
const (
	// HostReport: they are counted in the verdict and decide nothing.
	HostReport HostAlerts = "report"
	// HostInconclusive: no pass with one of them.
	HostInconclusive HostAlerts = "inconclusive"
	// HostFail: one of them fails the gate.
	HostFail HostAlerts = "fail"
)

// ParseHostAlerts reads one of the words above exactly as it is written.
func ParseHostAlerts(s string) (HostAlerts, error) {
	switch h := HostAlerts(s); h {
	case HostReport, HostInconclusive, HostFail:
		return h, nil
	}
	return "", fmt.Errorf("unknown treatment of host alerts %.40q: want %s, %s or %s", s, HostReport, HostInconclusive, HostFail)
}

// withDefaults fills in what was left empty.
func (p Policy) withDefaults() Policy {
	if p.Evidence == "" {
		p.Evidence = Accounted
	}
	if p.HostAlerts == "" {
		p.HostAlerts = HostReport
	}
	return p
}

// Validate returns a *FieldError for the first part that is wrong, or nil. What
// is left empty is right.
func (p Policy) Validate() error {
	p = p.withDefaults()
	if _, err := ParseEvidence(string(p.Evidence)); err != nil {
		return &FieldError{"evidence", err.Error()}
	}
	if _, err := ParseHostAlerts(string(p.HostAlerts)); err != nil {
		return &FieldError{"host_alerts", err.Error()}
	}
	switch {
	case p.Settling < 0 || p.Settling > MaxSettling:
		return &FieldError{"settling", fmt.Sprintf("want 0 to %s, have %s", MaxSettling, p.Settling)}
	case p.ClockSkew < 0 || p.ClockSkew > MaxClockSkew:
		return &FieldError{"clock_skew", fmt.Sprintf("want 0 to %s, have %s", MaxClockSkew, p.ClockSkew)}
	case math.IsNaN(p.MaxKernelDropRatio) || p.MaxKernelDropRatio < 0 || p.MaxKernelDropRatio > 1:
		return &FieldError{"max_kernel_drop_ratio", fmt.Sprintf("want 0 to 1, have %v", p.MaxKernelDropRatio)}
	case len(p.RequireRules) > MaxRequiredRules:
		return &FieldError{"require_rules", fmt.Sprintf("want at most %d rules, have %d", MaxRequiredRules, len(p.RequireRules))}
	}
	for _, rule := range p.RequireRules {
		if rule == "" || len(rule) > 1024 {
			return &FieldError{"require_rules", "a rule's name has 1 to 1024 characters"}
		}
	}
	return nil
}

// tolerance is the policy in the words of correlate.
func (p Policy) tolerance() correlate.Tolerance {
	return correlate.Tolerance{
		Settling: p.Settling, ClockSkew: p.ClockSkew, KernelDropRatio: p.MaxKernelDropRatio, RequireRules: p.RequireRules,
	}
}

// Change names the parts of a policy that a question sets for itself. What is
// empty or nil is left as it is.
type Change struct {
	Evidence           Evidence
	Settling           *time.Duration
	ClockSkew          *time.Duration
	MaxKernelDropRatio *float64
	HostAlerts         HostAlerts
	RequireRules       []string
}

// apply is p with the changes.
func (c Change) apply(p Policy) Policy {
	if c.Evidence != "" {
		p.Evidence = c.Evidence
	}
	if c.Settling != nil {
		p.Settling = *c.Settling
	}
	if c.ClockSkew != nil {
		p.ClockSkew = *c.ClockSkew
	}
	if c.MaxKernelDropRatio != nil {
		p.MaxKernelDropRatio = *c.MaxKernelDropRatio
	}
	if c.HostAlerts != "" {
		p.HostAlerts = c.HostAlerts
	}
	if c.RequireRules != nil {
		p.RequireRules = c.RequireRules
	}
	return p.withDefaults()
}

// PolicyApplied is the policy as a verdict repeats it.
type PolicyApplied struct {
	Settling           Duration   `json:"settling"`
	ClockSkew          Duration   `json:"clock_skew"`
	MaxKernelDropRatio float64    `json:"max_kernel_drop_ratio"`
	HostAlerts         HostAlerts `json:"host_alerts"`
	RequireRules       []string   `json:"require_rules,omitzero"`
	// Sensors are the needed ones where the daemon was given a list.
	Sensors []string `json:"sensors,omitzero"`
	// Placements says what the daemon makes of those; left out when that is auto.
	Placements Placements `json:"placements,omitzero"`
}

// Duration is a time.Duration that JSON has as Go writes it, such as "1.5s".
type Duration time.Duration

// MarshalText writes what Duration.String writes.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}
