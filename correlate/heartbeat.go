package correlate

import "time"

const (
	// maxAhead is how far a snapshot may be dated after the log's time to be used
	// at all. What is dated further ahead would hide all that comes before that
	// date.
	maxAhead = int64(time.Hour)
	// stepLeast is the least step of a clock that is told from the jitter of
	// snapshots: in the recordings they came up to 0.15 s off their interval.
	stepLeast = int64(250 * time.Millisecond)
	// maxYoung bounds the beats that wait until an interval is known: those of a
	// sensor that starts over and over again.
	maxYoung = 8
)

// heartbeat is what the snapshots of one event source of a sensor tell of
// whether it was watching.
type heartbeat struct {
	source            string
	needed            int64 // from when on, where it came with a run; else 0
	run               Run
	previous          Run // the run before, whose last snapshots may still come
	last              int64
	distance          int64  // of the last snapshot: the log's time less its own
	segment           uint32 // counts what may have changed the clock
	ahead, aheadUntil int64  // the distance of a clock that was ahead before messages came late, and until when it counts
	interval          interval
	young             []youngBeat // not judged yet
	beats             timeline[beat]

	rules                *ruleset // of the last snapshot that had one
	events, drops        Counter  // scap.n_evts, scap.n_drops of the last snapshot
	processed            Counter  // falco.num_evts
	noted                flaws    // by messages since the last snapshot
	future               int64    // the least distance of an alert since then that was dated after the log's time
	notedDrops, notedEvs uint64
}

// youngBeat is a beat before it is judged by the sensor's interval.
type youngBeat struct {
	beat
	step int64 // how much further the sensor's time moved than the log's
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

// behind reports whether a counter stands lower than it did. One that was not
// reported is zero.
func behind(now, before Counter) bool { return now.Reported && now.N < before.N }

// begin makes s the first snapshot that the source is known by. Needed is when
// its run began, where the run is known from its start.
func (h *heartbeat) begin(s *Snapshot, t, distance int64, rs *ruleset, needed int64) {
	h.run, h.last, h.distance, h.needed = s.Run, t, distance, needed
	h.interval.restart()
	h.take(s, rs)
}

// take remembers what the next snapshot is compared with.
func (h *heartbeat) take(s *Snapshot, rs *ruleset) {
	h.events, h.drops, h.processed = s.KernelEvents, kernelDrops(s), s.EventsProcessed
	if rs != nil {
		h.rules = rs
	}
	h.noted, h.notedDrops, h.notedEvs, h.future = 0, 0, 0, 0
}

// snapshot takes in the next one that is not stale. Distance is the log's time
// less t. It returns the flaws of the span that ends with it, but for those that
// show later.
func (h *heartbeat) snapshot(s *Snapshot, t, distance int64, rs *ruleset, stats *ProofStats) flaws {
	b := youngBeat{
		beat: beat{
			from: h.last, to: t, distance: distance, farthest: distance, ahead: min(distance, h.distance, h.future), rules: rs,
			flaws: h.noted, drops: h.notedDrops, events: h.notedEvs,
		},
		step: h.distance - distance,
	}
	if h.noted.has(flawKernelDrops) {
		b.ratio = 1 // unless the message says of how many events
		if h.notedEvs > 0 {
			b.ratio = float64(h.notedDrops) / float64(h.notedEvs)
		}
	}
	backwards := t < h.last
	switch {
	case s.Run != h.run:
		b.flaws |= flawRestarted
		h.previous, h.run = h.run, s.Run
		h.interval.restart()
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
	h.kernel(s, &b.beat)
	stats.KernelDrops += b.drops
	h.take(s, rs)
	h.last, h.distance = t, distance
	if backwards {
		// Time from t on is lived through twice: what was proven of it is not, and
		// is not proven again.
		b.flaws |= flawClock
		h.judge(stats)
		h.segment++
		h.ahead = 0
		h.beats.taint(t, b.flaws)
		return b.flaws
	}
	h.young = append(h.young, b)
	if h.interval.known() || len(h.young) >= maxYoung {
		h.judge(stats)
	}
	return b.flaws
}

// judge puts the beats that wait onto the timeline, and counts those that are silent by
// their length. Where the interval is not known all are.
func (h *heartbeat) judge(stats *ProofStats) {
	allowed := h.interval.allowed()
	for _, b := range h.young {
		if (b.to-b.from > allowed || !h.interval.known()) && !b.flaws.has(flawSilent) {
			b.flaws |= flawSilent
			stats.count(flawSilent)
		}
		h.remember(&b)
		forward := h.setForward(&b)
		if forward {
			// When is not known, so that the worse of both ends counts.
			b.distance = max(b.distance, b.distance+b.step)
		}
		b.farthest = b.distance
		// What comes later excuses nothing that came before the clock was set, or may
		// have been.
		if b.flaws.has(flawRestarted | flawSilent | flawClock) {
			h.segment++
		}
		b.segment = h.segment
		h.beats.add(b.beat)
		if forward {
			h.segment++
		}
	}
	h.young = h.young[:0]
}

// remember keeps in mind that the clock was ahead while messages come late, which
// hides it: until they come as before, or for an hour.
func (h *heartbeat) remember(b *youngBeat) {
	start, setBack := b.distance+b.step, b.to-b.from-h.interval.usual() < -stepLeast
	if h.ahead == 0 && !setBack &&
		start < 0 { // mutate: equivalent, a distance above zero hides nothing
		h.ahead, h.aheadUntil = start, b.from+clockMemory
	}
	if b.distance <= h.ahead+stepLeast || b.from > h.aheadUntil || b.flaws.has(flawRestarted|flawSilent|flawClock) {
		h.ahead = 0
	}
	b.ahead = min(b.ahead, h.ahead)
}

// setForward reports whether the sensor's clock may have been set forward within
// the beat: its time has then moved further than the log's. It has too when a
// backlog drains, but then no further than from one snapshot to the next, where it is
// known how far that is.
func (h *heartbeat) setForward(b *youngBeat) bool {
	least := h.interval.least()
	return b.step > stepLeast && (least == 0 || b.to-b.from-least > stepLeast)
}

// since is when the first snapshot that still counts was taken.
func (h *heartbeat) since() int64 {
	if len(h.beats.spans) > 0 {
		return h.beats.begin()
	}
	return h.judged()
}

// judged is up to when the beats are on the timeline.
func (h *heartbeat) judged() int64 {
	if len(h.young) > 0 {
		return h.young[0].from
	}
	return h.last
}
