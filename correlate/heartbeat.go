package correlate

import "time"

// maxAhead is how far a snapshot may be dated after the log's time to be used at
// all. What is dated further ahead would hide all that comes before that date.
const maxAhead = int64(time.Hour)

// maxYoung bounds the beats that wait until an interval is known: those of a
// sensor that starts over and over again.
const maxYoung = 8

// heartbeat is what the snapshots of one event source of a sensor tell of
// whether it was watching.
type heartbeat struct {
	source     string
	run        Run
	previous   Run // the run before, whose last snapshots may still come
	last       int64
	alternated uint64 // how often the previous run came back
	segment    uint32 // counts restarts and steps of the clock
	silences   uint32
	interval   interval
	young      []beat // not judged yet
	beats      timeline[beat]

	rules                *ruleset // of the last snapshot that had one
	events, drops        Counter  // scap.n_evts, scap.n_drops of the last snapshot
	processed            Counter  // falco.num_evts
	noted                flaws    // by messages since the last snapshot
	notedDrops, notedEvs uint64
}

// stale reports whether a snapshot was overtaken by a later one of its run, or
// is its copy: its own time and the engine's counts are both behind. A clock
// that was set back moves the time alone.
func (h *heartbeat) stale(s *Snapshot, t int64) bool {
	if s.Run == h.previous && s.Run != h.run {
		return t <= h.last
	}
	if s.Run != h.run || t > h.last {
		return false
	}
	return t == h.last || behind(s.KernelEvents, h.events) || behind(s.EventsProcessed, h.processed)
}

// behind reports whether a counter stands lower than it did.
func behind(now, before Counter) bool { return now.Reported && before.Reported && now.N < before.N }

// begin makes s the first snapshot that the source is known by.
func (h *heartbeat) begin(s *Snapshot, t int64, rs *ruleset) {
	h.run, h.last = s.Run, t
	h.interval.phase = true
	h.take(s, rs)
}

// take remembers what the next snapshot is compared with.
func (h *heartbeat) take(s *Snapshot, rs *ruleset) {
	h.events, h.drops, h.processed = s.KernelEvents, kernelDrops(s), s.EventsProcessed
	if rs != nil {
		h.rules = rs
	}
	h.noted, h.notedDrops, h.notedEvs = 0, 0, 0
}

// kernelDrops is scap.n_drops. Falco leaves a zero out unless
// include_empty_values is set, but it reports both kernel counters or neither
// (kernel_event_counters_enabled), and scap.n_evts is never zero.
func kernelDrops(s *Snapshot) Counter {
	if !s.KernelDrops.Reported && s.KernelEvents.Reported {
		return Counter{Reported: true}
	}
	return s.KernelDrops
}

// snapshot takes in the next one that is not stale. Distance is the log's time
// less t. It returns the flaws of the span that ends with it, but for those that
// show later.
func (h *heartbeat) snapshot(s *Snapshot, t, distance int64, rs *ruleset, stats *ProofStats) flaws {
	b := beat{from: h.last, to: t, distance: distance, rules: rs, flaws: h.noted}
	b.drops, b.events = h.notedDrops, h.notedEvs
	if h.notedEvs > 0 {
		b.ratio = float64(h.notedDrops) / float64(h.notedEvs)
	}
	backwards := t < h.last
	switch {
	case s.Run != h.run:
		b.flaws |= flawRestarted
		if s.Run == h.previous {
			h.alternated++
		}
		h.previous, h.run = h.run, s.Run
		h.interval.phase = true
	case behind(s.KernelEvents, h.events), behind(s.EventsProcessed, h.processed):
		b.flaws |= flawRestarted
	case !backwards:
		h.interval.learn(t - h.last)
	}
	if s.Run == (Run{}) {
		b.flaws |= flawRunUnknown
	}
	if h.rules != nil && rs != nil && h.rules.digests != rs.digests {
		b.flaws |= flawRulesChanged
	}
	h.kernel(s, &b)
	if backwards {
		// Time from t on is lived through twice: what was proven of it is not, and
		// is not proven again.
		b.flaws |= flawClock
		h.judge(true)
		h.beats.taint(t, b.flaws)
	}
	if b.flaws.has(flawRestarted | flawClock) {
		h.segment++
	}
	b.segment = h.segment
	stats.KernelDrops += b.drops
	h.take(s, rs)
	h.last = t
	if !backwards {
		h.young = append(h.young, b)
		h.judge(h.interval.known() || len(h.young) >= maxYoung)
	}
	return b.flaws
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
	if b.flaws.has(flawRestarted) || !h.drops.Reported {
		return // nothing to compare with; what it lacks is said already
	}
	if behind(drops, h.drops) {
		b.flaws |= flawRestarted
		return
	}
	n := drops.N - h.drops.N
	if n == 0 {
		return
	}
	b.flaws |= flawKernelDrops
	var events uint64
	if s.KernelEvents.Reported && h.events.Reported {
		events = s.KernelEvents.N - h.events.N
	}
	// The drop messages of the span tell of the same drops.
	b.drops, b.events = max(b.drops, n), max(b.events, events, n)
	b.ratio = max(b.ratio, float64(n)/float64(max(events, n)))
}

// judge puts the beats that wait onto the timeline, once it is known what
// silence is.
func (h *heartbeat) judge(known bool) {
	if !known {
		return
	}
	allowed := h.interval.allowed()
	for _, b := range h.young {
		if b.to-b.from > allowed {
			b.flaws |= flawSilent
			h.silences++ // the clock may have been set meanwhile
		}
		b.segment += h.silences
		h.beats.add(b)
	}
	h.young = h.young[:0]
}

// since is when the first snapshot that still counts was taken.
func (h *heartbeat) since() int64 {
	switch {
	case len(h.beats.spans) > 0:
		return h.beats.begin()
	case len(h.young) > 0:
		return h.young[0].from
	}
	return h.last
}

// judged is up to when the beats are on the timeline.
func (h *heartbeat) judged() int64 {
	if len(h.young) > 0 {
		return h.young[0].from
	}
	return h.last
}
