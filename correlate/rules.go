package correlate

import (
	"slices"
	"strings"
)

// maxRules bounds the table of rule names: the stock rules are 87, and a sensor
// that is not what it claims to be must not fill the memory with names.
const maxRules = 1 << 14

// otherRule stands for all rules beyond maxRules. They are counted in the total
// alone.
const otherRule = 0

// ruleNames gives the rules of all sensors small numbers, so that a sensor can
// count its alerts by rule in a slice. An alert names its rule in full, a
// snapshot's counter as Falco makes a metric's name of it; both get the same
// number.
type ruleNames struct {
	byName map[string]uint32 // as an alert or a counter writes it
	byKey  map[string]uint32
	keys   []string
}

func newRuleNames() *ruleNames {
	return &ruleNames{byName: map[string]uint32{}, byKey: map[string]uint32{}, keys: []string{""}}
}

// number returns the number of a rule by either of its names.
func (r *ruleNames) number(name string) uint32 {
	if n, ok := r.byName[name]; ok {
		return n
	}
	key := ruleKey(name)
	n, ok := r.byKey[key]
	if !ok {
		if len(r.keys) >= maxRules {
			return otherRule
		}
		n = uint32(len(r.keys))
		r.keys = append(r.keys, key)
		r.byKey[key] = n
	}
	if len(r.byName) < maxRules {
		r.byName[strings.Clone(name)] = n
	}
	return n
}

// ruleKey is what the two names of a rule have in common: its ASCII letters and
// digits, and one _ for whatever stands between them. Falco turns "Container
// Drift Detected (chmod)" into Container_Drift_Detected_chmod. A key that knows
// less than Falco does still matches when a version replaces one character more.
func ruleKey(name string) string {
	var b strings.Builder
	b.Grow(len(name))
	between := false
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			if between && b.Len() > 0 {
				b.WriteByte('_')
			}
			between = false
			b.WriteByte(c)
		} else {
			between = true
		}
	}
	return b.String()
}

// ruleset is what the proof needs of a Ruleset record. Sensors that have loaded
// the same share one.
type ruleset struct {
	id      RulesetID
	rules   []uint32 // their numbers, in the order of the record's names
	digests string   // of the rules files; empty when none were reported
	used    bool     // by something that Sensors.Forget has met
}

// newRuleset makes a ruleset of its record.
func newRuleset(r *Ruleset, names *ruleNames) *ruleset {
	rs := &ruleset{id: r.ID, rules: make([]uint32, len(r.Rules))}
	for i, name := range r.Rules {
		rs.rules[i] = names.number(name)
	}
	var b strings.Builder
	for _, f := range r.RulesFiles {
		b.WriteString(f.Name + "=" + f.Value + "\n")
	}
	rs.digests = b.String()
	return rs
}

// has reports whether a rule is among the counters.
func (rs *ruleset) has(rule uint32) bool {
	return rs != nil && rule != otherRule && slices.Contains(rs.rules, rule)
}
