package correlate

import "time"

// Span is a stretch of a sensor's time as its ledger has it, with the arithmetic
// that it rests on.
type Span struct {
	Source     string    // event source; empty for the account of the whole sensor
	Start, End time.Time // by the sensor's clock
	// Account is true for a span of the account, which says whether what was
	// raised has arrived; else it says whether the source was watching.
	Account bool
	// Open is true for the stretch behind the last closed span.
	Open bool
	// Kinds are the gaps that its flaws make, the tolerable ones among them.
	Kinds []GapKind

	Raised, Received, Missing, Surplus, QueueDrops uint64 // alerts
	Lost                                           []RuleLoss
	Late                                           time.Duration

	KernelDrops, KernelEvents uint64
	Behind                    time.Duration // the clock, against the log's; negative when ahead
	Rules                     int           // how many were loaded; 0 when that is not known
}

// Spans returns what the ledger of a sensor has over a window and the settling
// margin behind it: the heartbeats of each event source, then the account, each
// in order of time. Neighbours without a difference are one span, of up to ten
// minutes. It is nil for a sensor that is not known.
func (s *Sensors) Spans(hostname string, w Window, settling time.Duration) []Span {
	known := s.known[hostname]
	if known == nil {
		return nil
	}
	from, to := nanos(w.Start), nanos(w.End.Add(settling))
	var list []Span
	for _, h := range known.ledger.heartbeats {
		spans, before := h.beats.over(from, to)
		for i := range spans {
			b := &spans[i]
			out := Span{
				Source: h.source, Start: instant(b.from), End: instant(b.to), Kinds: b.flaws.kinds(),
				KernelDrops: b.drops, KernelEvents: b.events, Behind: time.Duration(h.clock(before + i)),
			}
			if b.rules != nil {
				out.Rules = len(b.rules.rules)
			}
			list = append(list, out)
		}
		if judged := h.judged(); judged < to && h.last > judged {
			list = append(list, Span{Source: h.source, Start: instant(judged), End: instant(h.last), Open: true})
		}
	}
	a := &known.ledger.account
	tallies, _ := a.tallies.over(from, to)
	for i := range tallies {
		t := &tallies[i]
		list = append(list, Span{
			Account: true, Start: instant(t.from), End: instant(t.to), Kinds: t.flaws.kinds(),
			Raised: t.raised, Received: t.received, Missing: t.missing, Surplus: t.surplus, QueueDrops: t.queueDrops,
			Lost: t.lost, Late: time.Duration(t.late),
		})
	}
	if a.base.at > 0 && a.base.at < to && a.snapshot > a.base.at {
		open := Span{Account: true, Open: true, Start: instant(a.base.at), End: instant(a.snapshot), Received: a.counted - a.base.received}
		if a.base.counted && a.raised.Reported {
			open.Raised = a.raised.N - min(a.raised.N, a.base.raised)
		}
		list = append(list, open)
	}
	return list
}

// kinds are the gaps that flaws make.
func (f flaws) kinds() (kinds []GapKind) {
	for _, pair := range kindOf {
		if f.has(pair.flaw) {
			kinds = append(kinds, pair.kind)
		}
	}
	return kinds
}
