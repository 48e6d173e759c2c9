package correlate

import "slices"

const (
	// maxSources bounds the event sources of one engine.
	maxSources = 8
	// keptRulesets is how many rulesets of a sensor are known at a time: an
	// engine with several sources may report several, turn by turn.
	keptRulesets = 4
)

// ledger is what the messages of one sensor prove about which span of time. It
// is fed in the order of the log.
type ledger struct {
	heartbeats []*heartbeat // one for each event source, in the order in which they came
	account    account
	rulesets   [keptRulesets]*ruleset // a ring of the latest
	newest     int
	stale      uint64 // snapshots that were overtaken, or came twice
}

func newLedger(names *ruleNames, stats *ProofStats) ledger {
	return ledger{account: account{names: names, stats: stats}}
}

// loaded takes note of a ruleset.
func (l *ledger) loaded(rs *ruleset) {
	if l.ruleset(rs.id) != nil {
		return
	}
	l.newest = (l.newest + 1) % keptRulesets
	l.rulesets[l.newest] = rs
}

// ruleset returns the one that a snapshot cites, or nil when it is not known.
func (l *ledger) ruleset(id RulesetID) *ruleset {
	for _, rs := range l.rulesets {
		if rs != nil && rs.id == id {
			return rs
		}
	}
	return nil
}

// snapshot takes in a snapshot that was logged at a time. The flaws are those of
// the span since the one before.
func (l *ledger) snapshot(s *Snapshot, logged int64) flaws {
	t := nanos(s.Time)
	if t-logged > maxAhead {
		l.note(flawClock)
		return flawClock
	}
	rs := l.ruleset(s.Ruleset)
	h := l.heartbeat(s.EventSource)
	var found, fresh flaws
	switch {
	case h == nil:
		if len(l.heartbeats) >= maxSources {
			return 0
		}
		h = &heartbeat{source: s.EventSource}
		l.heartbeats = append(l.heartbeats, h)
		h.begin(s, t, logged-t, rs, l.began(s, t))
	case h.stale(s, t):
		l.stale++
		l.account.stats.Stale++
		return 0
	default:
		sameRun := s.Run == h.run
		found = h.snapshot(s, t, logged-t, rs, l.account.stats)
		fresh = found & flawClock
		if sameRun {
			fresh |= found & flawRestarted
		}
	}
	return found | l.account.take(s, t, rs, fresh)
}

// began is when the run of a snapshot began, as far as that was heard; else 0.
func (l *ledger) began(s *Snapshot, t int64) int64 {
	switch {
	case s.Run == l.account.run:
		return l.account.since
	case l.account.snapshot > 0:
		return t
	}
	return 0
}

// heartbeat returns that of an event source, or nil.
func (l *ledger) heartbeat(source string) *heartbeat {
	for _, h := range l.heartbeats {
		if h.source == source {
			return h
		}
	}
	return nil
}

// alert takes in an alert that was received for the first time, dated t and logged
// at a time.
func (l *ledger) alert(rule uint32, t, logged int64) {
	l.account.alert(rule, t)
	if t <= logged { // mutate: equivalent, it is only faster
		return
	}
	for _, h := range l.heartbeats {
		h.future = min(h.future, logged-t)
	}
}

// note puts a flaw on the span that the next snapshot ends.
func (l *ledger) note(f flaws) {
	for _, h := range l.heartbeats {
		h.noted |= f
	}
	l.account.noted |= f & flawClock
}

// drop takes in Falco's word that events were dropped.
func (l *ledger) drop(d *Drop) {
	for _, h := range l.heartbeats {
		if h.source == "" || h.source == "syscall" {
			h.noted |= flawKernelDrops
			h.notedDrops += d.Drops.N
			h.notedEvs += d.Events.N
		}
	}
}

// heard is up to when every event source was heard; 0 when there is none.
func (l *ledger) heard() int64 {
	var least int64
	for _, h := range l.heartbeats {
		if j := h.judged(); least == 0 || j < least {
			least = j
		}
	}
	return least
}

// accounted is up to when the account is closed as well.
func (l *ledger) accounted() int64 { return min(l.heard(), l.account.base.at) }

// forget drops what is known of the time before, and the event sources that were not
// heard since.
func (l *ledger) forget(before int64) {
	l.heartbeats = slices.DeleteFunc(l.heartbeats, func(h *heartbeat) bool { return h.last < before })
	for _, h := range l.heartbeats {
		h.beats.forget(before)
	}
	l.account.tallies.forget(before)
}

// mark marks the rulesets that are still in use.
func (l *ledger) mark() {
	for _, rs := range l.rulesets {
		if rs != nil {
			rs.used = true
		}
	}
}
