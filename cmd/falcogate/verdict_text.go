package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// How many characters of an alert's message and of its rule's name a line shows.
const (
	outputWidth = 110
	ruleWidth   = 40
)

// falcoPrefix is what Falco puts before an alert's own text: the time of day and
// the priority, which stand in columns of their own.
var falcoPrefix = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{9}: \w+ `)

// verdict writes a verdict: the answer first, then why, then what it rests on,
// then the alerts.
func (p printer) verdict(v *verifier.Verdict) error {
	if p.format != "text" {
		return p.json(v)
	}
	colours := map[verifier.Outcome]string{verifier.Pass: "1;32", verifier.Fail: "1;31", verifier.Inconclusive: "1;33"}
	fmt.Fprintf(p.out, "%s  %s\n", p.paint(colours[v.Verdict], strings.ToUpper(v.Verdict.String())), oneLine(scopeOf(v), 400))
	for _, r := range v.Reasons {
		fmt.Fprintf(p.out, "  %-17s %s\n", reasonLabel(r), oneLine(r.Message, 1000))
	}
	fmt.Fprintf(p.out, "  %-17s %s to %s (%s)\n", "window", when(v.Window.Start), when(v.Window.End), v.Window.End.Sub(v.Window.Start))
	fmt.Fprintf(p.out, "  %-17s asked for %s, have %s; log position %d\n", "evidence", v.Evidence, v.Coverage.Evidence, v.AsOf)
	fmt.Fprintf(p.out, "  %-17s %s\n", "sensors", oneLine(sensorsOf(&v.Coverage), 400))
	if nodes := v.Coverage.Nodes; len(nodes) > 0 {
		fmt.Fprintf(p.out, "  %-17s %d ran on %s\n", "pods", v.Coverage.Pods, oneLine(strings.Join(nodes, ", "), 400))
	}
	if v.HostAlerts > 0 {
		fmt.Fprintf(p.out, "  %-17s %d at %s or above on the hosts themselves; see them with falcogate alerts --scope host\n", "host alerts", v.HostAlerts, v.Severity)
	}
	p.excused(v)
	p.withheld(v.Withheld)
	fmt.Fprintf(p.out, "  %-17s %s\n", "id", v.ID)
	if g := v.Gate; g != nil {
		fmt.Fprintf(p.out, "  %-17s %s, opened at %s\n", "gate", oneLine(g.ID, 128), when(g.OpenedAt))
		p.marks(g.Labels, g.Digest)
	}
	if len(v.Alerts) == 0 {
		return nil
	}
	fmt.Fprintln(p.out)
	if err := p.alertTable(v.Alerts, false); err != nil {
		return err
	}
	if v.Truncated {
		fmt.Fprintf(p.out, "… the newest %d of %d; --limit shows more\n", len(v.Alerts), v.AlertCount)
	}
	return nil
}

// excused says which alerts were not counted, and why.
func (p printer) excused(v *verifier.Verdict) {
	if v.Excused != nil {
		for _, i := range v.Excused.Ignored {
			what := "rule " + i.Rule
			if i.Rule == "" {
				what = "tag " + i.Tag
			}
			fmt.Fprintf(p.out, "  %-17s %s: %s (%d not counted)\n", "ignored", oneLine(what, 200), oneLine(i.Reason, 256), i.Count)
		}
	}
	if b := v.Baseline; b != nil {
		proven := "proven"
		if !b.Proven {
			proven = "not proven"
		}
		seen := fmt.Sprintf("%d alerts there", b.AlertCount)
		if slices.Contains(v.Withheld, "baseline.alerts") {
			seen = "its alerts are withheld"
		}
		fmt.Fprintf(p.out, "  %-17s namespace %s from %s on, %s; %s, %d excused here\n", "baseline",
			oneLine(b.Namespace, 63), when(b.Window.Start), proven, seen, v.Excused.Baseline)
	}
}

// withheld says what the server has left out, if anything.
func (p printer) withheld(names []string) {
	if len(names) > 0 {
		fmt.Fprintf(p.out, "  %-17s %s: shown to who may see all namespaces\n", "withheld", strings.Join(names, ", "))
	}
}

// reasonLabel is a reason's code, with its figure where it has one.
func reasonLabel(r verifier.Reason) string {
	if r.Count == 0 {
		return string(r.Reason)
	}
	return fmt.Sprintf("%s: %d", r.Reason, r.Count)
}

// sensorsOf says which sensors the verdict rests on.
func sensorsOf(c *verifier.Coverage) string {
	text := fmt.Sprintf("%d of %d account for every alert", c.Accounted, c.SensorCount)
	if c.SensorCount == 0 {
		text = "none was heard"
		if !slices.ContainsFunc(c.Gaps, func(g verifier.Gap) bool { return g.Kind == correlate.GapNoSensor }) {
			text = "none is known to be needed"
		}
	}
	if len(c.Sensors) > 0 {
		text += ": " + strings.Join(c.Sensors, ", ")
		if c.SensorCount > len(c.Sensors) {
			text += ", …"
		}
	}
	if c.Assumed {
		text += " (assumed: all that were heard; see serve --sensor)"
	}
	return text
}

// scopeOf says what was asked about.
func scopeOf(v *verifier.Verdict) string {
	parts := []string{"namespace " + v.Namespace}
	for _, part := range []struct{ name, value string }{
		{"pod", v.Pod}, {"selector", v.Selector}, {"owner", v.Owner}, {"hash", v.Hash}, {"vcluster", v.VCluster}, {"rule", v.Rule}, {"sensor", v.Sensor},
	} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	return strings.Join(parts, ", ") + " at " + v.Severity.String() + " or above"
}

// alertText is an alert's own text, as the process that raised it may have chosen it.
func alertText(a *verifier.Alert) string {
	if a.Partial {
		return "(the event log does not hold the rest any more)"
	}
	return falcoPrefix.ReplaceAllString(a.Output, "")
}

// alertTable writes alerts as lines, with a column for the namespace where there
// may be several. The zone of the times stands in the header.
func (p printer) alertTable(alerts []verifier.Alert, namespaces bool) error {
	const layout = "2006-01-02 15:04:05.000"
	header := []string{"TIME (" + alerts[0].Time.Local().Format("MST") + ")", "PRIORITY"}
	if namespaces {
		header = append(header, "NAMESPACE")
	}
	header = append(header, "POD", "RULE", "OUTPUT")
	rows := make([][]string, len(alerts))
	for i, a := range alerts {
		row := []string{a.Time.Local().Format(layout), a.Priority.String()}
		if namespaces {
			row = append(row, orDash(oneLine(a.Namespace, 63)))
		}
		rows[i] = append(row, orDash(oneLine(a.Pod, 63)), oneLine(a.Rule, ruleWidth), oneLine(alertText(&a), outputWidth))
	}
	return p.table(strings.Join(header, "\t"), rows)
}
