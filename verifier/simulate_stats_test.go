package verifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/falcogate/falcogate/correlate"
)

// simStats counts what histories came to.
type simStats struct {
	histories, records, replays, probes uint64
	outcomes                            [3][3]uint64 // by level asked for, by outcome
	proven                              uint64       // probes that reached accounted
	musts                               uint64       // answers that had to be a pass, and were
	waived                              uint64       // that need not be one
	gaps                                map[correlate.GapKind]uint64
	reasons                             map[ReasonCode]uint64
	classes                             [simClasses]simExcused
}

// simExcused counts the events that a class excuses: those in the scope of a
// pass, and all of windows that are proven.
type simExcused struct{ passes, proofs uint64 }

func (st *simStats) answered(ask *simAsk, v *Verdict) {
	if st.gaps == nil {
		st.gaps, st.reasons = map[correlate.GapKind]uint64{}, map[ReasonCode]uint64{}
	}
	level := map[Evidence]int{Accounted: 0, Heard: 1, None: 2}[ask.evidence]
	st.outcomes[level][v.Verdict]++
	if ask.must && v.Verdict == Pass {
		st.musts++
	}
	for i := range v.Coverage.Gaps {
		st.gaps[v.Coverage.Gaps[i].Kind]++
	}
	st.reasons[v.Reason]++
}

func (st *simStats) probed(gaps []correlate.Gap) {
	st.probes++
	if len(gaps) == 0 {
		st.proven++
	}
	for i := range gaps {
		st.gaps[gaps[i].Kind]++
	}
}

func (st *simStats) excused(check string, class simClass) {
	if check == "false pass" {
		st.classes[class].passes++
	} else {
		st.classes[class].proofs++
	}
}

// add takes in the numbers of another worker.
func (st *simStats) add(o *simStats) {
	st.histories += o.histories
	st.records += o.records
	st.replays += o.replays
	st.probes += o.probes
	st.proven += o.proven
	st.musts += o.musts
	st.waived += o.waived
	for i := range st.outcomes {
		for k := range st.outcomes[i] {
			st.outcomes[i][k] += o.outcomes[i][k]
		}
	}
	for i := range st.classes {
		st.classes[i].passes += o.classes[i].passes
		st.classes[i].proofs += o.classes[i].proofs
	}
	if st.gaps == nil {
		st.gaps, st.reasons = map[correlate.GapKind]uint64{}, map[ReasonCode]uint64{}
	}
	for kind, n := range o.gaps {
		st.gaps[kind] += n
	}
	for code, n := range o.reasons {
		st.reasons[code] += n
	}
}

// String is a table of all numbers.
func (st *simStats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d histories, %d records, %d verdicts rebuilt from the log\n", st.histories, st.records, st.replays)
	for i, level := range []Evidence{Accounted, Heard, None} {
		o := &st.outcomes[i]
		fmt.Fprintf(&b, "  evidence=%-10s %9d pass %9d fail %9d inconclusive\n", level, o[Pass], o[Fail], o[Inconclusive])
	}
	fmt.Fprintf(&b, "  probes %d, proven %d; had to pass %d, waived %d\n", st.probes, st.proven, st.musts, st.waived)
	b.WriteString("gaps:")
	for _, kind := range correlate.GapKinds {
		fmt.Fprintf(&b, " %s=%d", kind, st.gaps[kind])
	}
	b.WriteString("\nreasons:")
	codes := make([]string, 0, len(st.reasons))
	for code := range st.reasons {
		codes = append(codes, string(code))
	}
	slices.Sort(codes)
	for _, code := range codes {
		fmt.Fprintf(&b, " %s=%d", code, st.reasons[ReasonCode(code)])
	}
	b.WriteString("\nknown classes, by events in the scope of a pass and in proven windows:\n")
	for class := simNoExcuse + 1; class < simClasses; class++ {
		fmt.Fprintf(&b, "  %-42s %8d %8d\n", simClassNames[class], st.classes[class].passes, st.classes[class].proofs)
	}
	return b.String()
}
