package verifier

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// reasonsOfGaps makes one reason of all gaps of a kind. The gaps are sorted by
// kind, the worst first, and so are the reasons.
func reasonsOfGaps(gaps []correlate.Gap) []Reason {
	var reasons []Reason
	for len(gaps) > 0 {
		n := 1
		for n < len(gaps) && gaps[n].Kind == gaps[0].Kind {
			n++
		}
		reasons = append(reasons, reasonOfGaps(gaps[:n]))
		gaps = gaps[n:]
	}
	return reasons
}

// reasonOfGaps makes one reason of gaps of one kind: the message of the first,
// and how many more there are.
func reasonOfGaps(gaps []correlate.Gap) Reason {
	first := &gaps[0]
	r := Reason{Reason: ReasonCode(first.Kind), open: true, Message: gapMessage(first)}
	sensors := map[string]bool{}
	for i := range gaps {
		g := &gaps[i]
		r.open = r.open && g.Open
		sensors[g.Sensor] = true
		r.Count += g.Missing + g.Surplus + g.QueueDrops + g.KernelDrops
	}
	if r.Count == 0 && first.Kind != correlate.GapNoPlacement {
		r.Count = uint64(len(sensors))
	}
	if more := len(sensors) - 1; more > 0 {
		others := make([]string, 0, len(sensors))
		for name := range sensors {
			if name != first.Sensor {
				others = append(others, name)
			}
		}
		slices.Sort(others)
		r.Message += fmt.Sprintf(" The same is missing of %d more: %s.", more, listed3(others))
	}
	return r
}

// listed3 names the first three.
func listed3(names []string) string {
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:3], ", ") + ", …"
}

// gapMessage says in one sentence what is missing and in another what to do.
func gapMessage(g *correlate.Gap) string {
	who := "sensor " + g.Sensor
	if g.Source != "" {
		who += " (source " + g.Source + ")"
	}
	span := fmt.Sprintf("between %s and %s", clock(g.Start), clock(g.End))
	switch g.Kind {
	case correlate.GapNoSensor:
		if g.Sensor == "" {
			return "No Falco was heard of, or not every one could be kept track of, so that nothing proves anything. Connect Falco (--falco, --ingest-listen), and see falcogate sensors."
		}
		return fmt.Sprintf("Nothing was ever heard from %s. Check that Falco runs there and sends to falcogate, and that the name is its FALCO_HOSTNAME.", who)
	case correlate.GapNoPlacement:
		return noPlacementMessage(g, span)
	case correlate.GapMissing:
		return fmt.Sprintf("%s that %s raised %s never arrived%s. Look for a second reader of Falco's gRPC output, and for times when the receiver of its HTTP output was away; then ask about a window after that.",
			plural(g.Missing), who, span, byRule(g.Lost))
	case correlate.GapQueueDrops:
		return fmt.Sprintf("Falco on %s threw away %s %s because its output queue was full. Set outputs_queue.capacity: 0, and see what slows its outputs down.", who, plural(g.QueueDrops), span)
	case correlate.GapMiscounted:
		return fmt.Sprintf("%s more than %s has raised arrived %s, so that others may be missing unseen. Something else sends under this name, or alerts came out of order.", plural(g.Surplus), who, span)
	case correlate.GapKernelDrops:
		if g.Unreported {
			return fmt.Sprintf("%s did not report %s how many kernel events it dropped. Set metrics.kernel_event_counters_enabled: true.", capital(who), span)
		}
		if g.KernelEvents == 0 {
			return fmt.Sprintf("%s said that it dropped kernel events %s, and not of how many, and whatever they would have raised is lost. Raise engine.modern_ebpf.buf_size_preset, and ask about a window after that.", capital(who), span)
		}
		return fmt.Sprintf("%s dropped %d of %d kernel events %s, and whatever they would have raised. Raise engine.modern_ebpf.buf_size_preset or base_syscalls less; max_kernel_drop_ratio=%.2g would accept it.",
			capital(who), g.KernelDrops, g.KernelEvents, span, g.KernelDropRatio)
	case correlate.GapRestarted:
		if g.Unreported {
			return fmt.Sprintf("%s did not say which run of its engine it is %s (falco.start_ts), so that a restart would not show. Use Falco 0.38 or later.", capital(who), span)
		}
		return fmt.Sprintf("Falco on %s was restarted or reloaded, and blind for some time %s. Ask about a window after that.", who, span)
	case correlate.GapSilent:
		return silentMessage(g, who, span)
	case correlate.GapLate:
		return fmt.Sprintf("An alert of %s came %s after a snapshot that was younger, %s, so that others may still be on their way. Ask with settling=%s or more, and see what slows Falco down.",
			who, g.Late.Round(time.Millisecond), span, g.Late.Round(time.Second)+time.Second)
	case correlate.GapClockSkew:
		if g.Skew == 0 {
			return fmt.Sprintf("The clock of %s went backwards, or was far ahead, %s. Keep the node's clock in step (NTP), and ask about a window after that.", who, span)
		}
		how := "behind"
		if g.Skew > 0 {
			how = "ahead of"
		}
		return fmt.Sprintf("The clock of %s was %s %s the event log's %s. Keep the clocks in step (NTP), or accept it with clock_skew=%s.",
			who, g.Skew.Abs().Round(time.Millisecond), how, span, g.Skew.Abs().Round(time.Second)+time.Second)
	case correlate.GapRulesChanged:
		return fmt.Sprintf("The rules that %s has loaded changed %s. Ask about a window after that.", who, span)
	case correlate.GapRuleNotLoaded:
		if g.Unreported {
			return fmt.Sprintf("Which rules %s had loaded %s is not known, and rule %q is required. Set metrics.rules_counters_enabled and metrics.include_empty_values: true.", who, span, g.Rule)
		}
		return fmt.Sprintf("Rule %q is required, and %s did not have it %s. Check Falco's rules files, its priority floor, and that metrics.include_empty_values is true.", g.Rule, who, span)
	case correlate.GapNotCounted:
		return fmt.Sprintf("%s did not report %s how many alerts it raised. Set metrics.rules_counters_enabled and metrics.include_empty_values: true, or ask with evidence=heard.", capital(who), span)
	case correlate.GapPending:
		return pendingMessage(g, who)
	}
	return fmt.Sprintf("%s: %s %s.", g.Kind, who, span)
}

func noPlacementMessage(g *correlate.Gap, span string) string {
	switch {
	case g.Open:
		return fmt.Sprintf("Which pods ran, and on which nodes, is known up to %s, and not %s. Wait for the next word of the watch of the Kubernetes API, which comes every few seconds (wait=30s).", clock(g.Last), span)
	case g.Last.IsZero():
		return "Which pods ran, and on which nodes, is not known at all: no watch of the Kubernetes API has told. Run a consumer with --kubernetes, and see its log for what keeps it from listing pods."
	}
	return fmt.Sprintf("Which pods ran, and on which nodes, is not known %s: the watch of the Kubernetes API had not begun, or was interrupted. Ask about a window after that.", span)
}

func silentMessage(g *correlate.Gap, who, span string) string {
	switch {
	case g.Last.IsZero() && g.Interval == 0:
		return fmt.Sprintf("No metrics snapshot of %s was heard %s. If it never sends any, set metrics.enabled and metrics.output_rule: true, metrics.interval: 5s.", who, span)
	case g.Open:
		return fmt.Sprintf("The last snapshot of %s was taken at %s, and they come every %s. Check that Falco runs, that its capture is not stalled, and that it reaches falcogate.",
			who, clock(g.Last), g.Interval.Round(time.Millisecond))
	}
	return fmt.Sprintf("No metrics snapshot of %s was taken %s, longer than its interval allows, so that it may have seen nothing. Ask about a window after that.", who, span)
}

func pendingMessage(g *correlate.Gap, who string) string {
	if g.CountersOnly && g.Last.After(g.Start) {
		return fmt.Sprintf("The account of %s is closed up to %s, before the window's end: alerts came with its last snapshots. Wait for the next one that is quiet.", who, clock(g.Start))
	}
	wait := "the next snapshots"
	if g.Interval > 0 {
		wait = fmt.Sprintf("the next snapshot, which comes every %s", g.Interval.Round(time.Millisecond))
	}
	return fmt.Sprintf("The proof of %s reaches up to %s, and the window's end with its settling margin is later. Wait for %s (wait=30s), or ask about a window that ended earlier.", who, clock(g.Start), wait)
}

// byRule says which rules' alerts are missing.
func byRule(lost []correlate.RuleLoss) string {
	if len(lost) == 0 {
		return ""
	}
	parts := make([]string, len(lost))
	for i, l := range lost {
		parts[i] = fmt.Sprintf("%s: %d", l.Rule, l.Missing)
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// clock writes an instant of a message: UTC, to the millisecond.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// capital begins a sentence with s.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
