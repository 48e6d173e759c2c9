package correlate

import (
	"slices"
	"time"
)

const (
	// learnedFrom is how many intervals between snapshots are remembered. The
	// lower median of them is the sensor's interval: half of them would have to
	// be stalls for a stall to pass as usual.
	learnedFrom = 7
	// judgedFrom is how many intervals it takes to know. Until then a sensor that
	// was never heard before proves nothing.
	judgedFrom = 3
	// An interval is silence when it is longer than silentTimes the usual one,
	// and by silentLeast at the least: a snapshot waits for an event, and its
	// timer has a phase of its own.
	silentTimes = 3
	silentLeast = int64(2 * time.Second)
)

// interval learns how far apart a sensor's snapshots are.
type interval struct {
	recent [learnedFrom]int64 // a ring of the latest, in nanoseconds
	count  int                // how many there ever were
	// phase is true until the first interval of a run is over: Falco's first
	// snapshot comes at once and the second with the timer.
	phase bool
	// first and second are the two least intervals of the run; 0 for none.
	first, second int64
}

// restart begins a new run, whose interval may be another one.
func (v *interval) restart() { v.phase, v.first, v.second = true, 0, 0 }

// learn takes in the distance between two snapshots of one run.
func (v *interval) learn(ns int64) {
	if v.phase {
		v.phase = false
		return
	}
	v.recent[v.count%learnedFrom] = ns
	v.count++
	switch {
	case v.first == 0 || ns < v.first:
		v.first, v.second = ns, v.first
	case v.second == 0 || ns < v.second:
		v.second = ns
	}
}

// usual is the learned interval in nanoseconds, 0 when nothing was learned yet.
func (v *interval) usual() int64 {
	n := min(v.count, learnedFrom)
	sorted := v.recent
	slices.Sort(sorted[:n])
	return sorted[(n-1)/2]
}

// least is the least of the recent intervals, or of the run when a second one of it
// agrees: where most snapshots are lost, the recent ones may be several intervals
// long. It is 0 when it is no measure: the recent ones are irregular, silences apart,
// or too few.
func (v *interval) least() int64 {
	low, high, allowed := int64(0), int64(0), v.allowed()
	for _, ns := range v.recent[:min(v.count, learnedFrom)] {
		if ns > allowed {
			continue
		}
		if low == 0 || ns < low {
			low = ns
		}
		high = max(high, ns)
	}
	agreed := v.second > 0 && v.second-v.first <= max(stepLeast, v.first/8)
	switch {
	case high-low > 2*stepLeast || v.count < judgedFrom:
		return 0
	case agreed:
		return min(low, v.first)
	}
	return low
}

// known reports whether enough intervals were seen to judge others by.
func (v *interval) known() bool { return v.count >= judgedFrom }

// allowed is the longest interval that is no silence.
func (v *interval) allowed() int64 {
	usual := v.usual()
	return max(silentTimes*usual, usual+silentLeast)
}
