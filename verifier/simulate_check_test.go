package verifier

import (
	"fmt"
	"slices"

	"github.com/falcogate/falcogate/correlate"
)

// simFinding is an answer that is wrong.
type simFinding struct {
	check   string
	detail  string
	op      int // of the history's operations; behind the last at the end
	ask     simAsk
	verdict *Verdict
}

// wrong notes a finding.
func (s *simulation) wrong(check string, ask *simAsk, v *Verdict, format string, args ...any) {
	if s.found == nil {
		s.found = &simFinding{check: check, detail: fmt.Sprintf(format, args...), op: len(s.h.ops), ask: *ask, verdict: v}
	}
}

// needed are the sensors of the list that an ask comes with.
func (s *simulation) needed(ask *simAsk) []string {
	if !ask.listed {
		return nil
	}
	need := slices.Clone(simHosts[:len(s.h.sensors)])
	if ask.absent {
		need = append(need, simHosts[simSensors])
	}
	return need
}

// answer asks the function that everything here is about.
func (s *simulation) answer(state *correlate.State, ask *simAsk) (asked, *Verdict) {
	q, err := ask.question().ask(simTime(s.now), DefaultPolicy(), s.needed(ask), PlacementsAuto)
	if err != nil {
		panic("simulation: a question is refused: " + err.Error())
	}
	v, _, err := judge(state, state.Position(), &q, nil)
	if err != nil {
		panic("simulation: judge failed: " + err.Error())
	}
	return q, v
}

// examine holds an answer against the truth.
func (s *simulation) examine(op *simOp, ask *simAsk) {
	q, v := s.answer(s.state, ask)
	answered := *ask
	answered.placed, answered.unplaced, ask = q.placed, len(q.where.Unknown) > 0, &answered
	s.stats.answered(ask, v)
	s.checkLog(ask, v)
	if v.Verdict == Pass {
		s.checkPass(ask, v)
		s.checkWorkload(ask, v, &q)
	}
	s.checkProof(ask, v.Coverage.Evidence, v.Coverage.Sensors, v)
	if ask.must && v.Verdict != Pass && !s.mayStay(ask, v) {
		s.wrong("stuck", ask, v, "nothing went wrong since %s, and still the answer is %s", simClockText(s.h.settled), v.Verdict)
	}
	s.probe(op, ask, q)
}

// probe asks for the coverage of more windows.
func (s *simulation) probe(op *simOp, ask *simAsk, q asked) {
	if s.found != nil {
		return
	}
	luck := op.luck
	for range op.m {
		luck = simMix(luck)
		other := *ask
		other.must, other.placed = false, false
		length := simSecond/2 + int64(luck%uint64(12*simSecond))
		other.end = s.now - int64(simMix(luck+1)%uint64(min(s.now, 100*simSecond)+1))
		if r := s.log.records; len(r) > 0 {
			// Not before the snapshots that it needs to the millisecond.
			recent := min(len(r), int(10+luck>>24%2*1000))
			if snap := r[len(r)-1-int(simMix(luck+2)%uint64(recent))].reading; snap != nil && snap.stamp > 2*simSecond {
				other.end = min(snap.stamp-int64(luck>>8%2)*simSecond+int64(luck>>16%40)*simMilli-20*simMilli, s.now)
			}
		}
		other.start = other.end - length
		w := correlate.Window{Start: simTime(other.start), End: simTime(other.end)}
		c := s.state.Sensors().Coverage(w, q.listed, q.policy.tolerance())
		s.stats.probed(c.Gaps)
		s.checkProof(&other, reached(c.Gaps), c.Sensors, nil)
	}
}

// inScope reports whether an event that was in a space is in the scope of an ask.
func (s *simulation) inScope(t *simTruth, ask *simAsk, space uint8) bool {
	return (space == ask.space || space == simHost && ask.host == HostFail) && t.prio <= ask.severity &&
		(ask.rule < 0 || t.rule == uint8(ask.rule)) && (ask.sensor < 0 || t.sensor == uint8(ask.sensor))
}

// checkLog compares the answer with what the log holds, the plain way. Where placements
// are used, what may be in scope is what comes from a node where its pods ran, and an
// alert that names no namespace counts once its container is told of.
func (s *simulation) checkLog(ask *simAsk, v *Verdict) {
	floor := s.state.Index().Floor()
	needed := func(hostname string) bool {
		return !ask.placed || len(v.Coverage.Sensors) == 0 || slices.Contains(v.Coverage.Sensors, hostname)
	}
	seeing := func(hostname string) bool { return ask.unplaced || needed(hostname) }
	var in, held, open uint64 // in scope, of these above the floor, and what may be in scope
	for i := range s.truth {
		t := &s.truth[i]
		if t.copies == 0 || t.stamp < ask.start || t.stamp >= ask.end {
			continue
		}
		above := !simTime(t.stamp).Before(floor)
		switch {
		case s.inScope(t, ask, t.space) && (t.space != simHost || needed(simHosts[t.sensor])):
			in++
			held += simIf[uint64](above, 1, 0)
		case above && (t.space == simNowhere || t.space == simHost && ask.host == HostInconclusive) && s.inScope(t, ask, ask.space):
			open += simIf[uint64](t.space == simHost && needed(simHosts[t.sensor]) || t.space != simHost && seeing(simHosts[t.sensor]), 1, 0)
		}
	}
	for i := range s.log.records {
		r := &s.log.records[i]
		if m, ok := r.Body.(*correlate.Malformed); ok && !r.Received.Before(simTime(ask.start)) && r.Received.Before(simTime(ask.end)) &&
			(ask.sensor < 0 || m.Hostname == "" || m.Hostname == simHosts[ask.sensor]) && (m.Hostname == "" || seeing(m.Hostname)) {
			open++
		}
	}
	total := v.AlertCount
	if ask.host == HostFail {
		total += v.HostAlerts
	}
	switch {
	case v.Verdict == Fail && in == 0:
		s.wrong("false fail", ask, v, "the log holds no alert in scope")
	case v.Verdict == Pass && held+open > 0:
		s.wrong("pass with an alert", ask, v, "the log holds %d alerts in scope, and %d that may be", held, open)
	case s.h.limits == correlate.Limits{} && (total > held || total+v.Coverage.Unattributed < held && !s.elsewhere(ask, v)):
		s.wrong("miscount", ask, v, "the log holds %d alerts in scope, and the answer counts %d", held, total)
	}
}

// elsewhere reports whether alerts that are not counted may be on nodes that are not
// needed: without a namespace, and of a pod that was never told of.
func (s *simulation) elsewhere(ask *simAsk, v *Verdict) bool {
	return ask.placed && s.h.nameless && slices.ContainsFunc(s.truth, func(t simTruth) bool {
		return t.copies > 0 && t.space == ask.space && t.stamp >= ask.start && t.stamp < ask.end && !slices.Contains(v.Coverage.Sensors, simHosts[t.sensor])
	})
}

// checkWorkload looks for a pass over a window in which nothing of the namespace ran.
func (s *simulation) checkWorkload(ask *simAsk, v *Verdict, q *asked) {
	if !q.placed || ask.evidence == None && len(q.where.Unknown) > 0 {
		return
	}
	if !s.ranIn(ask.space, ask.sensor, ask.start-ask.skew, ask.end+ask.skew) {
		s.wrong("vacuous pass", ask, v, "no container of %s ran", simSpaceText(ask.space))
	}
}

// checkPass looks for alerts in scope that a pass does not know of.
func (s *simulation) checkPass(ask *simAsk, v *Verdict) {
	if ask.evidence == None {
		return
	}
	s.unproven(ask, ask.evidence, v.Coverage.Sensors, func(t *simTruth) bool {
		// Of the hosts those count where pods of the namespace were.
		elsewhere := t.space == simHost && ask.placed && !s.wasIn(ask.space, t.sensor, ask.start, ask.end)
		return s.inScope(t, ask, t.space) && !elsewhere
	}, "false pass", v)
}

// checkProof looks for any alert of the window that did not arrive although the
// coverage says that all did.
func (s *simulation) checkProof(ask *simAsk, level Evidence, sensors []string, v *Verdict) {
	if level == None || simTime(ask.start).Before(s.state.Index().Floor()) {
		return
	}
	s.unproven(ask, level, sensors, func(t *simTruth) bool {
		return (ask.sensor < 0 || t.sensor == uint8(ask.sensor)) && (!ask.placed || slices.Contains(sensors, simHosts[t.sensor]))
	}, "false proof", v)
}

// unproven goes through the truth for what contradicts a proof: whatever
// happened in the window, by a perfect clock and well inside it, or by a
// sensor's own clock where that was never set.
func (s *simulation) unproven(ask *simAsk, level Evidence, sensors []string, scope func(*simTruth) bool, check string, v *Verdict) {
	for i := range s.truth {
		t := &s.truth[i]
		inTruth := t.event >= ask.start+ask.off() && t.event < ask.end-ask.off()
		inStamp := t.stamp >= ask.start && t.stamp < ask.end
		switch {
		case !inTruth && (!inStamp || s.h.sensors[t.sensor].stepped):
			continue
		case t.fate == simForged || t.fate == simUnloaded && (ask.require < 0 || uint8(ask.require) != t.rule):
			continue
		case t.copies > 0 && inStamp:
			continue // the index has it, and checkLog looks there
		case !scope(t):
			continue
		}
		class := s.excuse(int32(i), ask, level, sensors)
		if class == simNoExcuse {
			s.wrong(check, ask, v, "%s, raised by %s on %s at %s: %s, and level %s has no gap",
				simAlerts[t.rule], simSpaceText(t.space), simHosts[t.sensor], simClockText(t.event), simFates[t.fate], level)
			return
		}
		s.stats.excused(check, class)
	}
}
