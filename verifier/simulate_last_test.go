package verifier

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json"
)

// mayStay reports whether a sensor keeps a pass from being proven for ever, by
// the way in which it is set up.
func (s *simulation) mayStay(ask *simAsk, v *Verdict) bool {
	waived := v.Coverage.Floor.After(simTime(ask.start)) && s.h.limits.MaxBytes > 0 ||
		s.h.watchers > 0 && s.h.limits.MaxBytes > 0 || // the last list may be below the floor
		s.h.most > 0 && len(s.h.sensors) > s.h.most || v.Coverage.SensorCount == 0
	for i := range s.falcos {
		f := &s.falcos[i]
		off := f.stamp(s.now) - s.now
		waived = waived || f.noKernel || f.noRun || f.neverSent && slices.Contains(v.Coverage.Sensors, simHosts[i])
		waived = waived || f.slew != 0 || max(off, -off)+f.way+simSecond/20 > ask.skew
		waived = waived || ask.evidence == Accounted && f.noEmpty && s.uncounted(f, ask.start)
	}
	if waived {
		s.stats.waived++
	}
	return waived
}

// uncounted reports whether a snapshot that the window needs left out how many
// alerts were raised, as there were none.
func (s *simulation) uncounted(f *simFalco, start int64) bool {
	for _, p := range s.points(f.id, f.run) {
		if !p.reported && p.stamp >= start-2*f.interval {
			return true
		}
	}
	return false
}

// checkReplay rebuilds the state from the log, and asks again.
func (s *simulation) checkReplay() {
	if s.found != nil || s.log.emptied || len(s.h.asks) == 0 || s.h.seed%8 != 0 {
		return
	}
	state := s.rebuilt(s.now)
	for i := range s.h.asks {
		ask := &s.h.asks[i]
		if ask.end > s.now {
			continue
		}
		_, before := s.answer(s.state, ask)
		_, after := s.answer(state, ask)
		one, err := json.Marshal(before, JSONOptions)
		other, err2 := json.Marshal(after, JSONOptions)
		if err != nil || err2 != nil || !bytes.Equal(one, other) {
			s.wrong("replay", ask, before, "built anew from the log the answer is %s", other)
			return
		}
		s.stats.replays++
	}
}
