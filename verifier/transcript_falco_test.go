package verifier

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// falco is what a transcript needs of a Falco: it counts what it raises and puts
// the counters into its snapshots, so that a transcript says what happened and
// not what the counters were.
type falco struct {
	hostname string
	every    time.Duration // between snapshots
	ahead    time.Duration // of its clock, against the log's
	lag      time.Duration // from an event to the log
	sources  []string
	rules    []string
	files    string // version of the rules files
	counters string // "all", "total" (none by rule) or "no"
	kernel   string // "all", "nozero" (a zero is left out) or "no"
	runKnown bool
	listed   bool // its rulesets reach the log

	run                   correlate.Run
	raised                map[string]uint64
	uncounted             []overtaking
	events, drops, queued uint64
	loaded                correlate.RulesetID // that the log has
	held                  []message
}

// overtaking is an alert that the next snapshots do not count.
type overtaking struct {
	rule      string
	snapshots int
}

// message is one of a Falco's, and when the log stores it.
type message struct {
	at   time.Time
	body correlate.Body
}

// kernelEvents is how many a Falco sees from one snapshot to the next.
const kernelEvents = 500

func newFalco(name string) *falco {
	return &falco{
		hostname: name, every: 5 * time.Second, lag: 5 * time.Millisecond, sources: []string{"syscall"},
		rules: []string{"Shell", "Miner"}, files: "v1", counters: "all", kernel: "all", runKnown: true, listed: true,
		raised: map[string]uint64{},
	}
}

// logged is when the log stores what happened at t by the Falco's clock.
func (f *falco) logged(t time.Time) time.Time { return t.Add(f.lag - f.ahead) }

// restart begins a life of the engine, with all counters at zero.
func (f *falco) restart(run correlate.Run) {
	f.run, f.raised, f.uncounted = run, map[string]uint64{}, nil
	f.events, f.drops, f.queued = 0, 0, 0
}

// raise counts an alert, which overtakes a number of snapshots.
func (f *falco) raise(rule string, overtakes int) error {
	if !slices.Contains(f.rules, rule) {
		return fmt.Errorf("%s has not loaded the rule %q", f.hostname, rule)
	}
	if overtakes == 0 {
		f.raised[rule]++
	} else {
		f.uncounted = append(f.uncounted, overtaking{rule, overtakes})
	}
	return nil
}

// snapshot takes a snapshot of one source, with the ruleset before it when the
// log does not have that.
func (f *falco) snapshot(t time.Time, source string) []message {
	rules := f.ruleset(t)
	s := &correlate.Snapshot{Hostname: f.hostname, Time: t, EventSource: source, Ruleset: rules.ID}
	if f.runKnown {
		s.Run = f.run
	}
	var total uint64
	for _, n := range f.raised {
		total += n
	}
	for range rules.Rules {
		s.RuleMatches = append(s.RuleMatches, 0)
	}
	for rule, n := range f.raised {
		if i, ok := slices.BinarySearch(rules.Rules, counterName(rule)); ok {
			s.RuleMatches[i] = n
		}
	}
	if f.counters != "no" {
		s.MatchesTotal = reportedCounter(total)
	}
	s.QueueDrops = reportedCounter(f.queued)
	if source == "syscall" {
		f.events += kernelEvents
		if f.kernel != "no" {
			s.KernelEvents = reportedCounter(f.events)
			if f.kernel == "all" || f.drops > 0 {
				s.KernelDrops = reportedCounter(f.drops)
			}
		}
		s.EventsProcessed = reportedCounter(f.events)
	}
	f.caughtUp()

	var out []message
	if rules.ID != f.loaded && f.listed {
		f.loaded = rules.ID
		out = append(out, message{f.logged(t), rules})
	}
	return append(out, message{f.logged(t), s})
}

// caughtUp counts the alerts that have overtaken as many snapshots as they were
// to.
func (f *falco) caughtUp() {
	waiting := f.uncounted[:0]
	for _, o := range f.uncounted {
		if o.snapshots--; o.snapshots > 0 {
			waiting = append(waiting, o)
		} else {
			f.raised[o.rule]++
		}
	}
	f.uncounted = waiting
}

// ruleset is what the Falco has loaded.
func (f *falco) ruleset(t time.Time) *correlate.Ruleset {
	r := &correlate.Ruleset{Hostname: f.hostname, Time: t, Version: "0.43.1", Engine: "modern_bpf"}
	if f.counters == "all" {
		for _, rule := range f.rules {
			r.Rules = append(r.Rules, counterName(rule))
		}
		slices.Sort(r.Rules)
	}
	r.RulesFiles = []correlate.Field{{Name: "falco_rules", Value: f.files}}
	sum := sha256.Sum256(fmt.Append(nil, r.Rules, r.RulesFiles))
	r.ID = correlate.RulesetID(sum[:16])
	return r
}

// alertOf makes an alert; without fields it is of another namespace than is asked about.
func alertOf(hostname string, at time.Time, rule string, p correlate.Priority, fields map[string]string) *correlate.Alert {
	if fields == nil {
		fields = map[string]string{"k8s.ns.name": "other"}
	}
	var list []correlate.Field
	for name, value := range fields {
		list = append(list, correlate.Field{Name: name, Value: value})
	}
	return &correlate.Alert{
		Hostname: hostname, Source: "syscall", Rule: rule, Priority: p, Time: at, OutputFields: correlate.NewFields(list),
	}
}

// counterName is how Falco names the counter of a rule.
func counterName(rule string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, rule)
}

func reportedCounter(n uint64) correlate.Counter { return correlate.Counter{N: n, Reported: true} }
