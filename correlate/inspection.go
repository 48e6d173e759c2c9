package correlate

import "time"

// clockMemory is how far behind a span its clock is looked for. What is received
// late, as when a backlog drains, is not skewed: the distance of its snapshots to
// the log's time comes down again, while that of a clock that is behind stays.
const clockMemory = int64(time.Hour)

// aheadMemory is how far behind a span a snapshot from the future counts against it,
// whether or not the clock was set meanwhile: a message that is as late as its clock is
// ahead seems to be on time.
const aheadMemory = int64(5 * time.Minute)

// inspection looks for gaps in the ledgers of sensors. An alert of the window is
// raised within the settling margin after the window's end, so that all spans up
// to there must be proven.
type inspection struct {
	from, to  int64 // the window, with the settling margin behind it
	tol       Tolerance
	skew      int64
	settling  int64
	required  []required
	sensor    string
	gaps      []Gap
	continues int // index of the first gap of the present sensor
}

// required is a rule that must be loaded.
type required struct {
	name   string
	number uint32
}

func newInspection(w Window, tol Tolerance, names *ruleNames) *inspection {
	q := &inspection{tol: tol, skew: int64(tol.ClockSkew), settling: int64(tol.Settling)}
	q.from, q.to = nanos(w.Start), nanos(w.End.Add(tol.Settling))
	for _, rule := range tol.RequireRules {
		q.required = append(q.required, required{rule, names.byKey[ruleKey(rule)]})
	}
	return q
}

// inspect adds the gaps of one sensor.
func (q *inspection) inspect(l *ledger) {
	if len(l.heartbeats) == 0 {
		q.add(Gap{Kind: GapSilent, Start: instant(q.from), End: instant(q.to)})
		return
	}
	q.continues = len(q.gaps)
	for _, h := range l.heartbeats {
		source := h.source
		if len(l.heartbeats) == 1 {
			source = "" // then it is about the whole sensor, as the account is
		}
		q.heartbeat(h, source)
	}
	q.account(&l.account)
}

// add adds a gap of the present sensor, or lengthens the one before it.
func (q *inspection) add(g Gap) {
	g.Sensor = q.sensor
	for i := q.continues; i < len(q.gaps); i++ {
		if q.gaps[i].joins(&g) {
			q.gaps[i].join(&g)
			return
		}
	}
	q.gaps = append(q.gaps, g)
}

// flawed adds the gaps that the flaws of a span make; but for those of which
// special says that it did.
func (q *inspection) flawed(from, to int64, f flaws, source string, special func(GapKind, *Gap) bool) {
	if f == 0 { // mutate: equivalent, it is only faster
		return
	}
	for _, pair := range kindOf {
		if !f.has(pair.flaw) {
			continue
		}
		g := Gap{Kind: pair.kind, Source: source, Start: instant(from), End: instant(to)}
		if special(pair.kind, &g) {
			q.add(g)
		}
	}
}

// heartbeat adds the gaps of one event source. One that was heard within the
// retention is needed, also when a later run was not heard to have it: its capture
// may have failed to start.
func (q *inspection) heartbeat(h *heartbeat, source string) {
	usual := time.Duration(h.interval.usual())
	if since, from := h.since(), max(q.from, h.needed); from < since && from < q.to {
		q.add(Gap{Kind: GapSilent, Source: source, Start: instant(from), End: instant(min(q.to, since)), Interval: usual})
	}
	spans, before := h.beats.over(q.from, q.to)
	for i := range spans {
		b := &spans[i]
		q.flawed(b.from, b.to, b.flaws, source, func(kind GapKind, g *Gap) bool {
			if kind != GapKernelDrops {
				g.Unreported = kind == GapRestarted && !b.flaws.has(flawRestarted)
				return true
			}
			g.KernelDrops, g.KernelEvents, g.KernelDropRatio = b.drops, b.events, b.ratio
			if b.flaws.has(flawKernelUnknown) {
				g.Unreported = true
				return q.tol.KernelDropRatio < 1
			}
			return b.ratio > q.tol.KernelDropRatio
		})
		if behind := h.clock(before + i); max(behind, -behind) > q.skew {
			g := Gap{Kind: GapClockSkew, Source: source, Start: instant(b.from), End: instant(b.to), Skew: time.Duration(-behind)}
			// Perhaps it is a backlog that has not drained yet.
			g.Open = behind > 0 && b.segment == h.segment && h.last-b.to < clockMemory
			q.add(g)
		}
		for _, rule := range q.required {
			if !b.rules.has(rule.number) {
				q.add(Gap{Kind: GapRuleNotLoaded, Start: instant(b.from), End: instant(b.to), Rule: rule.name, Unreported: b.rules == nil})
			}
		}
	}
	if judged := h.judged(); q.to > judged {
		g := Gap{Kind: GapPending, Source: source, Start: instant(max(q.from, judged)), End: instant(q.to), Open: true, Last: instant(h.last), Interval: usual}
		if h.interval.known() && q.to-judged > h.interval.allowed() {
			g.Kind = GapSilent
		}
		q.add(g)
	}
}

// clock is how far the clock was behind the log's at the i-th span, negative when
// it was ahead. A snapshot from the future is proof enough that it was ahead. For
// how far it was behind counts the least distance of that span and of those after
// it with the same clock. A small one before says nothing: the clock may have been
// set since.
func (h *heartbeat) clock(i int) int64 {
	spans := h.beats.spans
	least := spans[i].distance
	for k := i + 1; k < len(spans) && spans[k].segment == spans[i].segment && spans[k].from-spans[i].to < clockMemory; k++ {
		least = min(least, spans[k].distance)
	}
	ahead := min(spans[i].ahead, least)
	for k := i + 1; k < len(spans) && spans[k].from-spans[i].to < aheadMemory; k++ {
		ahead = min(ahead, spans[k].ahead)
	}
	if -ahead > least {
		return ahead
	}
	return least
}

// account adds the gaps of the sensor's account.
func (q *inspection) account(a *account) {
	spans, _ := a.tallies.over(q.from, q.to)
	for i := range spans {
		t := &spans[i]
		q.flawed(t.from, t.to, t.flaws, "", func(kind GapKind, g *Gap) bool {
			switch kind {
			case GapMissing:
				g.Missing, g.Lost = t.missing, t.lost
			case GapMiscounted:
				g.Surplus = t.surplus
			case GapQueueDrops:
				g.QueueDrops = t.queueDrops
			case GapNotCounted:
				g.CountersOnly = true
			}
			return true
		})
		if t.late > q.settling {
			q.add(Gap{Kind: GapLate, Start: instant(t.from), End: instant(t.to), Late: time.Duration(t.late)})
		}
	}
	if q.to > a.base.at {
		q.add(Gap{Kind: GapPending, Start: instant(max(q.from, a.base.at)), End: instant(q.to), Open: true, CountersOnly: true, Last: instant(a.snapshot)})
	}
}
