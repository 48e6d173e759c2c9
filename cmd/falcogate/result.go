package main

import (
	"bytes"
	"fmt"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// Reasons of a result that no verdict stands behind.
const (
	reasonUnanswered = "unanswered" // the server can't be asked, or refuses
	reasonCancelled  = "cancelled"  // the gate gets no verdict
)

// result is what came of a question, whether it was answered or not. Its zero outcome is
// inconclusive. What a process may have chosen stands in the alerts of the verdict, as it
// came.
type result struct {
	outcome verifier.Outcome
	reason  string            // a code for programs
	message string            // one line for people
	about   string            // what was asked
	verdict *verifier.Verdict // nil without an answer
	gate    *verifier.Gate    // one that gets no verdict; else nil
}

// resultOf is what a verdict says.
func resultOf(v *verifier.Verdict) result {
	return result{
		outcome: v.Verdict, reason: string(v.Reason), message: oneLine(v.Message, 1000), about: oneLine(scopeOf(v), 400), verdict: v,
	}
}

// resultOfGate is what a gate says that is over.
func resultOfGate(g *verifier.Gate) result {
	if g.Verdict != nil {
		return resultOf(g.Verdict)
	}
	return result{
		reason: reasonCancelled, message: fmt.Sprintf("gate %s is %s: it gets no verdict", oneLine(g.ID, 128), g.State),
		about: oneLine(gateScope(g), 400), gate: g,
	}
}

// unansweredResult is that nothing is known, since asking about something has failed.
func unansweredResult(about string, err error) result {
	return result{reason: reasonUnanswered, message: oneLine(err.Error(), 1000), about: oneLine(about, 400)}
}

// text is what -o text writes, without colours, and safe for a terminal.
func (r result) text() string {
	var text bytes.Buffer
	var err error
	switch p := (printer{out: &text, format: outputText}); {
	case r.verdict != nil:
		err = p.verdict(r.verdict)
	case r.gate != nil:
		err = p.gate(r.gate)
	default:
		fmt.Fprintf(&text, "INCONCLUSIVE  %s\n  %-17s %s\n", r.about, r.reason, r.message)
	}
	if err != nil {
		return err.Error() // a buffer takes all
	}
	return text.String()
}

// alerts are those that the verdict lists, and how many it counts.
func (r result) alerts() (listed []verifier.Alert, count uint64) {
	if r.verdict == nil {
		return nil, 0
	}
	return r.verdict.Alerts, r.verdict.AlertCount
}

// id is that of the verdict, or empty.
func (r result) id() string {
	if r.verdict == nil {
		return ""
	}
	return r.verdict.ID
}

// reasons are all there are, the worst first.
func (r result) reasons() []verifier.Reason {
	if r.verdict == nil {
		return []verifier.Reason{{Reason: verifier.ReasonCode(r.reason), Message: r.message}}
	}
	return r.verdict.Reasons
}

// aegis is the result as AEGIS' shadow verification has it.
func (r result) aegis() verifier.Aegis {
	if r.verdict == nil {
		return verifier.UnansweredAegis(r.message)
	}
	return r.verdict.Aegis()
}

// askedAbout says what a question asks, in the words of its verdict.
func askedAbout(q client.Query) string {
	severity, err := correlate.ParsePriority(q.Severity)
	if err != nil {
		severity = correlate.Warning // it is empty: the rest was refused before
	}
	return scopeOf(&verifier.Verdict{
		Namespace: q.Namespace, Pod: q.Pod, Selector: q.Selector, Owner: q.Owner, Hash: q.Hash, VCluster: q.VCluster,
		Rule: q.Rule, Sensor: q.Sensor, Severity: severity,
	})
}
