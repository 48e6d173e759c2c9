package verifier

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Bounds of excuses.
const (
	// MaxIgnored is how many rules and tags one question may ignore.
	MaxIgnored = 32
	// MaxIgnoreReason bounds Ignore.Reason, in bytes.
	MaxIgnoreReason = 256
	// MaxAllowedAlerts bounds Excuses.MaxAlerts.
	MaxAllowedAlerts = 1_000_000
	// MaxCompared is how many alerts in scope, the newest, are held against excuses,
	// and how many of a baseline they are compared with. Those beyond count as if
	// nothing excused them.
	MaxCompared = 1000
	// DefaultLookback and MaxLookback are of Baseline.Lookback.
	DefaultLookback = time.Hour
	MaxLookback     = 7 * 24 * time.Hour
)

// Excuses say which alerts in scope do not fail a question. Nothing else is excused by
// them: what may hide an alert stands against a pass as ever. The zero value excuses
// nothing.
type Excuses struct {
	// Ignore names rules and tags whose alerts do not count.
	Ignore []Ignore
	// MaxAlerts is how many alerts may count without a fail.
	MaxAlerts uint64
	// Baseline is the workload whose alerts do not count here too; nil for none.
	Baseline *Baseline
}

// Ignore names alerts that do not count, by their rule or by one of their tags, and
// why. Its JSON form is that of gates and verdicts.
type Ignore struct {
	Rule   string `json:"rule,omitzero"` // exact; or
	Tag    string `json:"tag,omitzero"`  // exact
	Reason string `json:"reason"`        // required: verdicts repeat it
}

// Baseline is the workload that another one stands in for, such as the live one behind
// a shadow: what it raises as well does not fail that. An alert is the same when it is
// of the same rule, event source, process and file, as told by alertShape. Its JSON form
// is that of gates and verdicts.
type Baseline struct {
	Namespace string `json:"namespace"` // exact; required
	// Which pods of it, as in Pods.
	Pod      string `json:"pod,omitzero"`
	Selector string `json:"selector,omitzero"`
	Owner    string `json:"owner,omitzero"`
	Hash     string `json:"hash,omitzero"`
	VCluster string `json:"vcluster,omitzero"`
	// Lookback is for how long before the window's start the baseline's alerts count
	// too, and its silence must be proven; at most MaxLookback. Zero means
	// DefaultLookback.
	Lookback Duration `json:"lookback"`
}

// pods are which of its namespace.
func (b *Baseline) pods() Pods { return Pods{b.Pod, b.Selector, b.Owner, b.Hash, b.VCluster} }

// withDefaults fills in what was left out.
func (b *Baseline) withDefaults() *Baseline {
	if b == nil || b.Lookback != 0 {
		return b
	}
	filled := *b
	filled.Lookback = Duration(DefaultLookback)
	return &filled
}

// Any reports whether something may be excused.
func (e Excuses) Any() bool { return len(e.Ignore) > 0 || e.Baseline != nil }

// Validate returns a *FieldError for the first part that is wrong, or nil. The
// baseline's scope is for its own question to check.
func (e Excuses) Validate() error {
	if n := len(e.Ignore); n > MaxIgnored {
		return &FieldError{"ignore", fmt.Sprintf("want at most %d rules and tags, have %d", MaxIgnored, n)}
	}
	seen := map[Ignore]bool{}
	for _, i := range e.Ignore {
		name := i.Rule + i.Tag
		key := Ignore{Rule: i.Rule, Tag: i.Tag}
		switch {
		case (i.Rule == "") == (i.Tag == ""):
			return &FieldError{"ignore", "want each to name a rule or a tag, and not both"}
		case len(name) > 1024 || !utf8.ValidString(name):
			return &FieldError{"ignore", fmt.Sprintf("want names of at most 1024 bytes in UTF-8, have %.80q", name)}
		case i.Reason == "" || len(i.Reason) > MaxIgnoreReason || !utf8.ValidString(i.Reason):
			return &FieldError{"ignore", fmt.Sprintf("want a reason of 1 to %d bytes in UTF-8 to ignore %.80q: the verdict repeats it", MaxIgnoreReason, name)}
		case seen[key]:
			return &FieldError{"ignore", fmt.Sprintf("%.80q is given more than once", name)}
		}
		seen[key] = true
	}
	if e.MaxAlerts > MaxAllowedAlerts {
		return &FieldError{"max_alerts", fmt.Sprintf("want at most %d, have %d", MaxAllowedAlerts, e.MaxAlerts)}
	}
	if b := e.Baseline; b != nil && (b.Lookback < 0 || time.Duration(b.Lookback) > MaxLookback) {
		return &FieldError{"baseline.lookback", fmt.Sprintf("want 0 to %s, have %s", MaxLookback, time.Duration(b.Lookback))}
	}
	return nil
}
