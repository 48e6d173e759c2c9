package verifier

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/correlate"
)

// simClockText writes a time of the world, in seconds from its beginning.
func simClockText(at int64) string { return fmt.Sprintf("%.4fs", time.Duration(at).Seconds()) }

func simSpaceText(space uint8) string {
	switch space {
	case simHost:
		return "the host"
	case simNowhere:
		return "an unknown container"
	}
	return simSpaces[space]
}

// outcome says in words what an operation came to.
func (s *simulation) outcome(f *simFalco, op *simOp) string {
	switch op.what {
	case simEvent, simForge:
		t := &s.truth[len(s.truth)-1]
		return fmt.Sprintf("%q (%s) in %s, happened at %s, stamped %s: %s", simAlerts[t.rule], t.prio, simSpaceText(t.space),
			simClockText(t.event), simClockText(t.stamp), simFates[t.fate])
	case simSnapshot:
		if f.pending[op.n].due == 0 {
			return "not taken"
		}
		r := f.pending[op.n].m.reading
		return fmt.Sprintf("%s, stamped %s, run %d, raised %v of %d, kernel drops %d, queue drops %d; queued %.1fms later",
			simSources[r.source], simClockText(r.stamp), r.run, r.raised[:f.rules], f.total, f.drops, f.queueDrops, float64(op.lag)/1e6)
	case simClock:
		return "off by " + time.Duration(op.lag).String()
	case simCrash:
		return fmt.Sprintf("%d records torn off, %d evicted, %d lost between; %d left", op.n, op.m, op.k, len(s.log.records))
	case simQuestion:
		return s.askText(&s.h.asks[op.n])
	case simSwap, simAgain:
		return fmt.Sprintf("by %d", op.n)
	}
	return fmt.Sprintf("for %s, share %d%%, %d, %d", time.Duration(op.span), op.share, op.n, op.m)
}

func (s *simulation) askText(a *simAsk) string {
	text := fmt.Sprintf("%s from %s to %s, severity %s, evidence=%s, clock_skew=%s, host_alerts=%s, max_kernel_drop_ratio=%g",
		simSpaceText(a.space), simClockText(a.start), simClockText(a.end), a.severity, a.evidence, time.Duration(a.skew), a.host, a.ratio)
	for what, n := range map[string]int8{"sensor": a.sensor, "rule": a.rule, "required rule": a.require} {
		if n >= 0 {
			text += fmt.Sprintf(", %s %d", what, n)
		}
	}
	if a.listed {
		text += ", sensors are listed"
	}
	return text
}

// report plays a history once more and writes it down.
func (s *simulation) report(h *simHistory) string {
	var b strings.Builder
	for i := range h.sensors {
		fmt.Fprintf(&b, "%s: %+v\n", simHosts[i], h.sensors[i])
	}
	fmt.Fprintf(&b, "limits %+v, at most %d sensors, priorities %v, settled at %s\n", h.limits, h.most, h.prio, simClockText(h.settled))
	for i := range h.pods {
		fmt.Fprintf(&b, "pod %d: %+v\n", i, h.pods[i])
	}
	left := 10
	s.trace = func(op *simOp, what string) {
		if op.calm && op.what == simSnapshot {
			if left--; left < 0 && op.at < h.ops[len(h.ops)-1].at-30*simSecond {
				return // there are many, and all is well
			}
		}
		fmt.Fprintf(&b, "%11s  %-6s %-14s %s\n", simClockText(op.at), simHosts[op.sensor], simNames[op.what], what)
	}
	found := s.play(h)
	s.trace = nil
	if found == nil {
		b.WriteString("nothing was found\n")
		return b.String()
	}
	fmt.Fprintf(&b, "%s: %s\nasked at %s about %s\n", strings.ToUpper(found.check), found.detail, simClockText(s.now), s.askText(&found.ask))
	b.WriteString("the log:\n")
	for i := range s.log.records {
		if n := len(s.log.records); i < 60 || i > n-30 {
			s.recordText(&b, &s.log.records[i])
		}
	}
	w := correlate.Window{Start: simTime(found.ask.start), End: simTime(found.ask.end)}
	for i := range h.sensors {
		for _, span := range s.state.Sensors().Spans(simHosts[i], w, DefaultSettling) {
			at := func(t time.Time) string { return simClockText(t.UnixNano() - simEpoch) }
			what := "heartbeat"
			if span.Account {
				what = "account"
			}
			if span.Open {
				what += ", open"
			}
			fmt.Fprintf(&b, "%s: %s from %s to %s: gaps %v, raised %d, received %d, missing %d, surplus %d, late %s, behind %s, rules %d\n", simHosts[i],
				what, at(span.Start), at(span.End), span.Kinds, span.Raised, span.Received, span.Missing, span.Surplus, span.Late, span.Behind, span.Rules)
		}
	}
	if found.verdict != nil {
		text, err := json.Marshal(found.verdict, JSONOptions)
		fmt.Fprintf(&b, "%s %v\n", text, err)
	}
	return b.String()
}

// recordText writes a record in one line.
func (s *simulation) recordText(b *strings.Builder, r *simRecord) {
	fmt.Fprintf(b, "%6d %s %s", r.Position, simClockText(r.Logged.UnixNano()-simEpoch), r.Body.Kind())
	switch body := r.Body.(type) {
	case *correlate.Alert:
		fmt.Fprintf(b, " of %s, %s, stamped %s, %s", body.Hostname, body.Rule, simClockText(body.Time.UnixNano()-simEpoch), simFates[s.truth[r.truth].fate])
	case *correlate.Placement:
		fmt.Fprintf(b, " by %v of %s %s/%s on %s, started %s, gone %t", body.Told, body.UID, body.Namespace, body.Pod, body.Node, body.Started, body.Gone)
	case *correlate.Watch:
		fmt.Fprintf(b, " by %v, %s as of %d", body.Told, body.Phase, body.AsOf)
	case *correlate.Snapshot:
		fmt.Fprintf(b, " of %s %s, taken %s, run %d, M=%+v %v", body.Hostname, body.EventSource, simClockText(body.Time.UnixNano()-simEpoch),
			r.reading.run, body.MatchesTotal, body.RuleMatches)
	default:
		fmt.Fprintf(b, " of %s", r.Body.Sensor())
	}
	b.WriteString("\n")
}
