package verifier

import (
	"math"

	"github.com/falcogate/falcogate/correlate"
)

// simulation plays histories, one after another, and checks every answer.
type simulation struct {
	h         *simHistory
	now       int64
	next      int64 // when something that was begun is due
	ids       uint64
	falcos    []simFalco
	log       simLog
	truth     []simTruth
	state     *correlate.State
	stats     simStats
	found     *simFinding // the first, which ends the history
	cluster   simCluster
	trace     func(op *simOp, what string)
	alerts    arena[correlate.Alert]
	snapshots arena[correlate.Snapshot]
	readings  arena[simReading]
	malformed arena[correlate.Malformed]
}

// arena hands out values that live until the history's end. They hold what they
// held before.
type arena[T any] struct {
	chunks [][]T
	n      int
}

const arenaChunk = 256

func (a *arena[T]) next() *T {
	if a.n/arenaChunk == len(a.chunks) {
		a.chunks = append(a.chunks, make([]T, arenaChunk))
	}
	v := &a.chunks[a.n/arenaChunk][a.n%arenaChunk]
	a.n++
	return v
}

// play plays a history, and returns the first answer that is wrong, or nil.
func (s *simulation) play(h *simHistory) *simFinding {
	s.h, s.now, s.next, s.ids, s.found = h, 0, math.MaxInt64, 0, nil
	s.log = simLog{records: s.log.records[:0], next: 1}
	s.truth = s.truth[:0]
	s.alerts.n, s.snapshots.n, s.readings.n, s.malformed.n = 0, 0, 0, 0
	s.state = correlate.NewState(h.limits, h.most)
	if cap(s.falcos) < simSensors {
		s.falcos = make([]simFalco, simSensors)
	}
	s.falcos = s.falcos[:len(h.sensors)]
	for i := range s.falcos {
		s.falcos[i].begin(uint8(i), &h.sensors[i])
	}
	s.cluster.begin(h)
	for i := range h.ops {
		op := &h.ops[i]
		s.settle(op.at)
		s.now = op.at
		s.step(op)
		if s.found != nil {
			s.found.op = i
			return s.found
		}
	}
	s.checkReplay()
	return s.found
}

func (s *simulation) newID() uint64 {
	s.ids++
	return simMix(s.ids)
}

// wake makes settle look at a time.
func (s *simulation) wake(at int64) { s.next = min(s.next, at) }

// settle lets happen what is due up to a time.
func (s *simulation) settle(to int64) {
	for s.next <= to {
		now := s.next
		for i := range s.falcos {
			f := &s.falcos[i]
			if len(f.held) > 0 && f.faults[simOutage].until <= now {
				s.drain(f, now)
			}
			for k := range f.pending {
				if p := &f.pending[k]; p.due > 0 && p.due <= now {
					p.due = 0
					s.queueSnapshot(f, p, now)
				}
			}
			if f.overtake > 0 && f.since+simSwapped <= now {
				f.overtake = 0
				s.store(f, f.limbo, now)
			}
		}
		s.next = math.MaxInt64
		for i := range s.falcos {
			f := &s.falcos[i]
			if len(f.held) > 0 {
				s.wake(max(f.faults[simOutage].until, now+1))
			}
			for k := range f.pending {
				if due := f.pending[k].due; due > 0 {
					s.wake(due)
				}
			}
			if f.overtake > 0 {
				s.wake(f.since + simSwapped)
			}
		}
	}
}

// step does one operation.
func (s *simulation) step(op *simOp) {
	f := &s.falcos[int(op.sensor)%len(s.falcos)]
	switch op.what {
	case simEvent:
		s.event(f, op)
	case simForge:
		s.forge(f, op)
	case simSnapshot:
		s.read(f, op)
	case simRestart:
		if f.faults[simOutage].kind == 0 {
			s.lose(f, simQueueLost)
		}
		f.restart(op)
	case simReload:
		f.reload(op)
	case simClock:
		f.clock = append(f.clock, simOffset{from: op.at, offset: op.lag})
	case simSwap:
		f.swap, f.swapAt = op.n, op.at
	case simAgain:
		s.again(op)
	case simCrash:
		s.crash(op)
	case simQuestion:
		s.examine(op, &s.h.asks[op.n])
	case simWatch:
		s.watch(op)
	case simWatchAway, simWatchLag, simWatchLoss:
		s.cluster.strike(op)
	default:
		f.faults[op.what] = simFault{from: op.at, until: op.at + op.span, share: op.share, kind: op.n}
		if op.what == simKernel && op.m > 0 {
			s.tell(f, op, &correlate.Drop{Hostname: simHosts[f.id], Time: simTime(f.stamp(op.at)), Drops: correlate.Counter{N: 1, Reported: true}})
		}
		if op.what == simStall && op.m > 0 {
			s.tell(f, op, &correlate.Timeout{Hostname: simHosts[f.id], Time: simTime(f.stamp(op.at))})
		}
	}
	if s.trace != nil {
		s.trace(op, s.outcome(f, op))
	}
}

// tell sends one of Falco's messages about itself.
func (s *simulation) tell(f *simFalco, op *simOp, body correlate.Body) {
	s.send(f, simMessage{body: body, id: s.newID(), truth: -1}, &simOp{luck: op.luck + 1}, op.at)
}

// event lets an event happen that a rule matches.
func (s *simulation) event(f *simFalco, op *simOp) {
	t := simTruth{
		at: op.at, event: op.at - op.lag, stamp: f.stamp(op.at - op.lag), run: f.run, id: s.newID(),
		sensor: f.id, rule: op.rule, space: op.space,
	}
	t.prio = s.h.prio[t.rule]
	s.locate(&t)
	fate := f.sees(op)
	t.fate = fate
	s.truth = append(s.truth, t)
	if fate != simArrived {
		return
	}
	i := len(s.truth) - 1
	s.truth[i].fate = simHeld
	if fate := s.send(f, simMessage{body: s.alert(&t), id: t.id, truth: int32(i)}, op, op.at); fate != simArrived {
		s.truth[i].fate = fate
	}
}

// forge puts an alert into the log that nobody raised.
func (s *simulation) forge(f *simFalco, op *simOp) {
	t := simTruth{at: op.at, event: op.at, stamp: f.stamp(op.at), run: f.run, id: s.newID(), sensor: f.id, rule: op.rule, space: op.space, fate: simForged}
	t.prio = s.h.prio[t.rule]
	s.locate(&t)
	s.truth = append(s.truth, t)
	s.store(f, simMessage{body: s.alert(&t), id: t.id, received: op.at, truth: int32(len(s.truth) - 1)}, op.at)
}

// alert makes the alert of an event.
func (s *simulation) alert(t *simTruth) *correlate.Alert {
	a := s.alerts.next()
	*a = correlate.Alert{Hostname: simHosts[t.sensor], Source: "syscall", Rule: simAlerts[t.rule], Priority: t.prio, Time: simTime(t.stamp)}
	switch t.space {
	case simHost:
		a.OutputFields = simHostFields
	case simNowhere:
	default:
		a.OutputFields = simSpaceFields[t.space]
		if t.pod > 0 {
			// What is never reported is never explained: not where all must be well.
			nameless := s.h.nameless && t.id%3 == 0 && (t.at < s.h.settled || s.h.pods[t.pod-1].reported < math.MaxInt64)
			a.OutputFields = s.cluster.fields[t.pod-1][simIf(nameless, 1, 0)]
		}
	}
	return a
}

// locate finds the pod in which an event happens. Where there is none on that node it
// happens on the host.
func (s *simulation) locate(t *simTruth) {
	if s.h.watchers == 0 || t.space == simHost || t.space == simNowhere {
		return
	}
	if t.pod = int16(s.podAt(t.space, t.sensor, t.event)) + 1; t.pod == 0 {
		t.space = simHost
	}
}

var (
	simHostFields  = correlate.Fields{{Name: "container.id", Value: "host"}}
	simSpaceFields = func() (all [len(simSpaces)]correlate.Fields) {
		for i, ns := range simSpaces {
			all[i] = correlate.Fields{{Name: "container.id", Value: "4d2f9b1c8a7e"}, {Name: "k8s.ns.name", Value: ns}, {Name: "k8s.pod.name", Value: "web-1"}}
		}
		return all
	}()
)

// read takes a snapshot, which is queued a little later.
func (s *simulation) read(f *simFalco, op *simOp) {
	source := int(op.n)
	p := &f.pending[source]
	if op.at < f.blind || source == 0 && f.on(simStall, op.at) || p.due > 0 {
		return
	}
	snap, r := s.snapshots.next(), s.readings.next()
	m := simMessage{body: snap, id: s.newID(), truth: -1, digest: f.digest % simDigests, reading: r}
	m.rules = f.snapshot(snap, op.at, source)
	*r = simReading{
		sensor: f.id, source: uint8(source), run: f.run, upto: int32(len(s.truth)), at: op.at, stamp: f.stamp(op.at), raised: f.raised,
	}
	p.m, p.readBy, p.due = m, *op, op.at+op.lag
	s.wake(p.due)
}

// queueSnapshot puts a snapshot that was read on its way.
func (s *simulation) queueSnapshot(f *simFalco, p *simPending, now int64) {
	if f.strikes(simOverflow, now, &p.readBy) {
		f.queueDrops++
		return
	}
	s.send(f, p.m, &p.readBy, now)
}
