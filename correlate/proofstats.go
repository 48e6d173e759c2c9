package correlate

// ProofStats counts what kept silence from being proven since NewState. A sensor
// that is forgotten takes nothing of it away.
type ProofStats struct {
	Missing     uint64 // alerts that were raised and never arrived
	Surplus     uint64 // alerts that arrived beyond those raised
	QueueDrops  uint64 // alerts that Falco says it threw away
	KernelDrops uint64 // kernel events that Falco says it never saw
	Stale       uint64 // snapshots that came twice, or were overtaken
	// Flawed counts the spans between snapshots by the gap that they make,
	// tolerated or not. A silence is not among them before its end.
	Flawed map[GapKind]uint64
}

// add adds the figures of a span that was closed.
func (p *ProofStats) add(t *tally) {
	p.Missing += t.missing
	p.Surplus += t.surplus
	p.QueueDrops += t.queueDrops
}

// count counts a span with flaws.
func (p *ProofStats) count(f flaws) {
	if p.Flawed == nil {
		p.Flawed = map[GapKind]uint64{}
	}
	for _, pair := range kindOf {
		if f.has(pair.flaw) {
			p.Flawed[pair.kind]++
		}
	}
}

// ProofStats returns a copy of the numbers.
func (s *Sensors) ProofStats() ProofStats {
	stats := *s.stats
	stats.Flawed = make(map[GapKind]uint64, len(kindOf))
	for _, pair := range kindOf {
		stats.Flawed[pair.kind] = s.stats.Flawed[pair.kind]
	}
	return stats
}
