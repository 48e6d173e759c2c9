package correlate

// kernelDrops is scap.n_drops. Falco leaves a zero out unless
// include_empty_values is set, but it reports both kernel counters or neither
// (kernel_event_counters_enabled), and scap.n_evts is never zero.
func kernelDrops(s *Snapshot) Counter {
	if !s.KernelDrops.Reported && s.KernelEvents.Reported {
		return Counter{Reported: true}
	}
	return s.KernelDrops
}

// kernel compares the kernel's counters with those of the last snapshot. Only
// the source of system calls has them.
func (h *heartbeat) kernel(s *Snapshot, b *beat) {
	if h.source != "" && h.source != "syscall" {
		return
	}
	drops := kernelDrops(s)
	if !drops.Reported {
		b.flaws |= flawKernelUnknown
		return
	}
	switch {
	case b.flaws.has(flawRestarted):
		return // nothing to compare with, and no proof anyway
	case !h.drops.Reported:
		b.flaws |= flawKernelUnknown // what it was before this span is not known
		return
	case behind(drops, h.drops):
		b.flaws |= flawRestarted
		return
	case drops.N == h.drops.N:
		return
	}
	n, events := drops.N-h.drops.N, uint64(0)
	if s.KernelEvents.Reported && h.events.Reported {
		events = s.KernelEvents.N - h.events.N
	}
	b.flaws |= flawKernelDrops
	// A drop message of the span tells of the same drops.
	b.drops, b.events = max(b.drops, n), max(b.events, events, n)
	b.ratio = max(b.ratio, float64(n)/float64(max(events, n)))
}
