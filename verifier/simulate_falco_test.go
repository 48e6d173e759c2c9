package verifier

import (
	"github.com/falcogate/falcogate/correlate"
)

// simFate is what became of an event that a rule matches.
type simFate uint8

const (
	simArrived   simFate = iota // its alert was put into the log
	simBlind                    // Falco was not there, or not ready
	simStalled                  // the capture was stalled
	simUnloaded                 // the rule was not loaded: no alert is expected
	simDropped                  // by the kernel
	simQueueful                 // Falco's queue was full
	simReadAway                 // the second reader has it
	simRefused                  // the receiver was away
	simGarbled                  // it could not be read
	simHeld                     // it is under way
	simQueueLost                // it was in Falco's queue when that ended
	simLaneLost                 // it was not stored yet when falcogate ended
	simForged                   // the engine never raised it
)

var simFates = [...]string{
	"arrived", "not seen: blind", "not seen: stalled", "rule not loaded", "dropped by the kernel", "dropped by the queue",
	"taken by the second reader", "refused by the receiver", "garbled", "held", "lost with Falco's queue", "lost with falcogate", "forged",
}

// raised reports whether the engine has counted it.
func (f simFate) raised() bool {
	return f != simBlind && f != simStalled && f != simUnloaded && f != simDropped && f != simForged
}

// simTruth is one event that a rule matches, as only the world knows it.
type simTruth struct {
	at, event, stamp int64 // counted, happened, and when that was by the sensor's clock
	run              int32
	copies           int32 // records of it that the log holds
	id               uint64
	sensor           uint8
	rule, space      uint8
	prio             correlate.Priority
	fate             simFate
	pod              int16 // 1 + the pod in which it happened; 0: in none that is known
}

// simReading is what the world knows of a snapshot.
type simReading struct {
	sensor uint8
	source uint8
	run    int32
	upto   int32 // what of the truth was counted: all before this
	at     int64
	stamp  int64
	logged int64 // the first time
	raised [simRules]uint64
}

// simFalco is one Falco with its engine.
type simFalco struct {
	*simSetup
	id         uint8
	run        int32
	runs       correlate.Run
	loaded     uint8 // rules, one bit each
	digest     uint8
	blind      int64 // until
	raised     [simRules]uint64
	total      uint64
	queueDrops uint64
	drops      uint64
	events     [2]uint64 // of each event source
	read       [2]int64  // the last time their counters were read
	clock      []simOffset
	faults     [simKinds]simFault
	pending    [2]simPending // of each event source
	simWay
}

// simOffset is how far a clock is off from a time on, and by how many millionths
// of the time since then it is further off.
type simOffset struct{ from, offset, slew int64 }

// simPending is a snapshot between its reading and the queue.
type simPending struct {
	due    int64 // when it is queued; 0: there is none
	m      simMessage
	readBy simOp // the operation that read it
}

// simFault is a fault that lasts.
type simFault struct {
	from, until int64
	share       uint8
	kind        int32
}

func (f *simFalco) begin(id uint8, setup *simSetup) {
	clock, held := f.clock[:0], f.held[:0]
	*f = simFalco{simSetup: setup, id: id, loaded: 1<<setup.rules - 1, clock: append(clock, simOffset{0, setup.offset, setup.slew}), blind: -1}
	f.held = held
	f.start(0)
	f.runs.StartTS = f.runs.ReloadTS
}

// start begins a run at a time.
func (f *simFalco) start(at int64) {
	f.run++
	f.runs.ReloadTS = f.stamp(at) + simEpoch
	f.raised, f.total, f.queueDrops, f.drops, f.events, f.read = [simRules]uint64{}, 0, 0, 0, [2]uint64{}, [2]int64{at, at}
}

// stamp is the time of an instant by the sensor's clock.
func (f *simFalco) stamp(at int64) int64 {
	i := len(f.clock) - 1
	for i > 0 && f.clock[i].from > at {
		i--
	}
	o := &f.clock[i]
	return at + o.offset + (at-o.from)/1_000_000*o.slew
}

// on reports whether a fault lasts at a time.
func (f *simFalco) on(which simWhat, at int64) bool { return f.faults[which].until > at }

// strikes reports whether a fault that lasts hits what has the operation's luck.
func (f *simFalco) strikes(which simWhat, at int64, op *simOp) bool {
	return f.on(which, at) && op.chance(f.faults[which].share, which)
}

// restart ends the engine, and loses all that it has queued.
func (f *simFalco) restart(op *simOp) {
	f.reload(op)
	f.runs.StartTS = f.runs.ReloadTS
	f.pending = [2]simPending{}
	f.faults[simStall].until = 0
}

// reload begins a new run with the same process.
func (f *simFalco) reload(op *simOp) {
	f.blind = max(f.blind, op.at+op.span)
	f.start(f.blind)
	if op.n > 0 {
		f.digest++
	}
	if op.m > 0 {
		f.loaded = 1<<f.rules - 1
		if op.m > 1 {
			f.loaded &^= 1 << ((op.m - 2) % int32(f.rules))
		}
	}
}

// sees says whether the engine raises an alert of an event.
func (f *simFalco) sees(op *simOp) simFate {
	event := op.at - op.lag
	stall := &f.faults[simStall]
	switch {
	case event < f.blind:
		return simBlind
	case op.at < stall.until, event < stall.until && event >= stall.from:
		return simStalled
	case f.loaded>>op.rule&1 == 0:
		return simUnloaded
	case f.strikes(simKernel, op.at, op):
		f.drops++
		return simDropped
	}
	f.raised[op.rule]++
	f.total++
	if f.strikes(simOverflow, op.at, op) {
		f.queueDrops++
		return simQueueful
	}
	return simArrived
}

// simSources are the event sources of an engine. The second has no counters of the
// kernel, and sees no event that a rule matches.
var simSources = [2]string{"syscall", "k8s_audit"}

// snapshot fills in what the counters say at a time.
func (f *simFalco) snapshot(s *correlate.Snapshot, at int64, source int) (rules uint8) {
	f.events[source] += uint64((at-f.read[source])/simMilli) + 1
	f.read[source] = at
	counter := func(n uint64) correlate.Counter {
		if n == 0 && f.noEmpty {
			return correlate.Counter{}
		}
		return correlate.Counter{N: n, Reported: true}
	}
	*s = correlate.Snapshot{Hostname: simHosts[f.id], Time: simTime(f.stamp(at)), EventSource: simSources[source], RuleMatches: s.RuleMatches[:0]}
	s.QueueDrops, s.EventsProcessed = counter(f.queueDrops), counter(f.events[source])
	if !f.noRun {
		s.Run = f.runs
	}
	if !f.noKernel && source == 0 {
		s.KernelEvents, s.KernelDrops = counter(f.events[0]+f.drops), counter(f.drops)
	}
	if f.noRules {
		return 0
	}
	s.MatchesTotal = counter(f.total)
	for rule, n := range f.raised {
		if f.loaded>>rule&1 == 1 && (n > 0 || !f.noEmpty) {
			s.RuleMatches = append(s.RuleMatches, n)
			rules |= 1 << rule
		}
	}
	return rules
}
