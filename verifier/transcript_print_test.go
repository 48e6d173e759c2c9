package verifier

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// standing is where the proof of all sensors stands.
type standing struct {
	sensors map[string]correlate.SensorStatus
	index   correlate.Stats
	known   time.Time
	pods    correlate.PlacementStats
}

func (tr *transcript) standing() standing {
	s := standing{map[string]correlate.SensorStatus{}, tr.state.Index().Stats(), tr.state.Known(), tr.state.PlacementStats()}
	for _, status := range tr.state.Sensors().List() {
		s.sensors[status.Hostname] = status
	}
	return s
}

// changed says what a line changed, of each sensor and then of the index.
func (tr *transcript) changed(before standing) (list []string) {
	now := tr.standing()
	flawed := map[string][]correlate.FlawedSpan{}
	for _, f := range tr.state.TakeChanges().Flawed {
		spans := flawed[f.Sensor]
		if n := len(spans); n > 0 && spans[n-1].End.Equal(f.Start) {
			spans[n-1].End = f.End
		} else {
			flawed[f.Sensor] = append(spans, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now.sensors)) {
		if changes := changedOf(before.sensors[name].Proof, now.sensors[name].Proof, flawed[name]); len(changes) > 0 {
			text := strings.Join(changes, ", ")
			if len(now.sensors) > 1 {
				text = name + " " + text
			}
			list = append(list, text)
		}
	}
	add := func(there bool, format string, args ...any) {
		if there {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(now.index.Duplicates != before.index.Duplicates, "%d duplicate", now.index.Duplicates-before.index.Duplicates)
	add(now.index.LateBelowFloor != before.index.LateBelowFloor, "below the floor")
	add(now.index.Ahead != before.index.Ahead, "too far ahead to be held")
	add(!now.known.Equal(before.known), "placements known up to %s", ago(now.known))
	add(now.pods.Running != before.pods.Running, "%d pods", now.pods.Running)
	add(now.index.Attributed != before.index.Attributed, "%d attributed", now.index.Attributed-before.index.Attributed)
	add(len(now.sensors) < len(before.sensors), "%d forgotten", len(before.sensors)-len(now.sensors))
	add(tr.refused != nil, "kept as malformed")
	return list
}

// changedOf is what changed of one sensor's proof.
func changedOf(old, p correlate.SensorProof, flawed []correlate.FlawedSpan) (list []string) {
	add := func(there bool, format string, args ...any) {
		if there {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(!p.Heard.Equal(old.Heard), "heard %s", ago(p.Heard))
	add(!p.Accounted.Equal(old.Accounted), "accounted %s", ago(p.Accounted))
	add(p.OffsetKnown && (p.Offset != old.Offset || !old.OffsetKnown), "o %d", p.Offset)
	add(p.Stale != old.Stale, "%d stale", p.Stale-old.Stale)
	add(p.RunsAlternate != old.RunsAlternate, "runs alternate")
	for _, f := range flawed {
		add(true, "flawed %s-%s", ago(f.Start), ago(f.End))
	}
	return list
}

// ago is a time's distance from the epoch, in seconds.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return seconds(t.Sub(transcriptEpoch))
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// verdictText is what a case needs of a verdict: the reasons with their figures,
// the gaps, and the evidence that was reached. Placed is whether placements were used.
func verdictText(v *Verdict, placed bool) string {
	var b strings.Builder
	b.WriteString(v.Verdict.String())
	if v.Pending {
		b.WriteString(", pending")
	}
	for i, r := range v.Reasons {
		fmt.Fprintf(&b, "%s %s", map[bool]string{true: ":", false: ","}[i == 0], r.Reason)
		if r.Count > 0 {
			fmt.Fprintf(&b, " %d", r.Count)
		}
	}
	b.WriteString("\n")
	for i := range v.Coverage.Gaps {
		b.WriteString("  " + gapText(&v.Coverage.Gaps[i]) + "\n")
	}
	if more := v.Coverage.GapCount - len(v.Coverage.Gaps); more > 0 {
		fmt.Fprintf(&b, "  %d more gaps\n", more)
	}
	c := &v.Coverage
	fmt.Fprintf(&b, "  evidence %s", c.Evidence)
	if c.SensorCount > 0 {
		fmt.Fprintf(&b, " by %s: %d accounted, %d heard", strings.Join(c.Sensors, ", "), c.Accounted, c.Heard)
	}
	switch {
	case placed:
		fmt.Fprintf(&b, ", as placed: %d pods on %s", c.Pods, cmp.Or(strings.Join(c.Nodes, ", "), "no node"))
	case !c.Assumed:
		b.WriteString(", as listed")
	}
	if v.Window.FirstPod {
		fmt.Fprintf(&b, ", since %s", ago(v.Window.Start))
	}
	for _, figure := range []struct {
		name string
		n    uint64
	}{
		{"critical alerts", v.Summary.Critical}, {"warnings", v.Summary.Warning}, {"informational alerts", v.Summary.Informational},
		{"host alerts", v.HostAlerts}, {"malformed", c.Malformed}, {"unattributed", c.Unattributed}, {"without pod", c.WithoutPod},
	} {
		if figure.n > 0 {
			fmt.Fprintf(&b, ", %s %d", figure.name, figure.n)
		}
	}
	if x := v.Excused; x != nil {
		fmt.Fprintf(&b, ", excused %d", x.Count)
		for _, i := range x.Ignored {
			fmt.Fprintf(&b, ", ignored as %s%s %d", i.Rule, i.Tag, i.Count)
		}
	}
	if base := v.Baseline; base != nil {
		fmt.Fprintf(&b, ", baseline since %s has %d (proven: %t), %d excused", ago(base.Window.Start), base.AlertCount, base.Proven, v.Excused.Baseline)
	}
	if !c.Floor.IsZero() {
		fmt.Fprintf(&b, ", floor %s", ago(c.Floor))
	}
	return b.String()
}

func gapText(g *Gap) string {
	var b strings.Builder
	b.WriteString(string(g.Kind))
	if g.Sensor != "" {
		b.WriteString(" " + g.Sensor)
	}
	if g.Source != "" {
		b.WriteString("/" + g.Source)
	}
	fmt.Fprintf(&b, " %s-%s", ago(g.Start), ago(g.End))
	add := func(there bool, format string, args ...any) {
		if there {
			fmt.Fprintf(&b, format, args...)
		}
	}
	add(g.Pending, ", open")
	add(g.AlertsMissing > 0, ", missing %d", g.AlertsMissing)
	b.WriteString(byRuleText(g.AlertsByRule))
	add(g.AlertsSurplus > 0, ", surplus %d", g.AlertsSurplus)
	add(g.QueueDrops > 0, ", dropped %d", g.QueueDrops)
	add(g.KernelDrops > 0, ", dropped %d of %d events, ratio %.4g", g.KernelDrops, g.KernelEvents, g.KernelDropRatio)
	add(g.SkewSeconds != 0, ", skew %s", seconds(time.Duration(g.SkewSeconds*float64(time.Second)).Round(time.Millisecond)))
	add(g.LateSeconds != 0, ", late %s", seconds(time.Duration(g.LateSeconds*float64(time.Second)).Round(time.Millisecond)))
	add(g.Rule != "", ", rule %s", g.Rule)
	return b.String()
}

func byRuleText(missing map[string]uint64) string {
	var parts []string
	for _, rule := range slices.Sorted(maps.Keys(missing)) {
		parts = append(parts, fmt.Sprintf("%s %d", rule, missing[rule]))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// ledger is what a sensor's ledger holds.
func (tr *transcript) ledger(w *words) string {
	name := w.next("name")
	window := correlate.Window{Start: transcriptEpoch.Add(-time.Hour), End: transcriptEpoch.Add(24 * time.Hour)}
	if len(w.plain) > 0 {
		window.Start, window.End = w.span(w.next("window"))
	}
	status, ok := tr.state.Sensors().Get(name)
	if !ok {
		return "not known"
	}
	p := status.Proof
	var b strings.Builder
	fmt.Fprintf(&b, "heard %s, accounted %s", ago(p.Heard), ago(p.Accounted))
	if p.OffsetKnown {
		fmt.Fprintf(&b, ", o %d", p.Offset)
	}
	if p.UsualInterval > 0 {
		fmt.Fprintf(&b, ", every %s", seconds(p.UsualInterval))
	}
	b.WriteString("\n")
	for _, s := range tr.state.Sensors().Spans(name, window, 0) {
		b.WriteString("  " + spanText(timelineSpan(&s)) + "\n")
	}
	return b.String()
}

func spanText(s TimelineSpan) string {
	var b strings.Builder
	b.WriteString(s.Of)
	if s.Source != "" && s.Source != "syscall" {
		b.WriteString("/" + s.Source)
	}
	fmt.Fprintf(&b, " %s-%s %s", ago(s.Start), ago(s.End), s.State)
	if len(s.Flaws) > 0 {
		b.WriteString(" " + strings.Join(s.Flaws, " "))
	}
	if c := s.Count; c != nil {
		fmt.Fprintf(&b, ": raised %d, received %d", *c.Raised, *c.Received)
		for _, figure := range []struct {
			name string
			n    uint64
		}{{"missing", c.Missing}, {"surplus", c.Surplus}, {"queue drops", c.QueueDrops}} {
			if figure.n > 0 {
				fmt.Fprintf(&b, ", %s %d", figure.name, figure.n)
			}
		}
		b.WriteString(byRuleText(c.ByRule))
	}
	if k := s.Kernel; k != nil && k.Drops > 0 {
		fmt.Fprintf(&b, ": dropped %d of %d events", k.Drops, k.Events)
	}
	return b.String()
}
