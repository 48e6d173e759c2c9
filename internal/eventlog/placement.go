package eventlog

import (
	"math"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// What a watcher of the Kubernetes API tells, in both directions. The numbers are
// those of docs/record.proto.

func appendTold(b []byte, t correlate.Told) []byte {
	b = appendString(b, 1, t.Watcher)
	b = appendUint(b, 2, t.Session)
	return appendUint(b, 3, t.Number)
}

// told reads a field of appendTold, and reports whether it was one.
func (s *scanner) told(t *correlate.Told) bool {
	switch s.num {
	case 1:
		t.Watcher = s.string()
	case 2:
		t.Session = s.uint()
	case 3:
		t.Number = s.uint()
	default:
		return false
	}
	return true
}

func appendPlacement(b []byte, p *correlate.Placement) []byte {
	b = appendTold(b, p.Told)
	b = appendString(b, 4, p.UID)
	b = appendString(b, 5, p.Namespace)
	b = appendString(b, 6, p.Pod)
	b = appendString(b, 7, p.Node)
	b = appendString(b, 8, p.Hostname)
	b = appendString(b, 9, p.Controller.Kind)
	b = appendString(b, 10, p.Controller.Name)
	b = appendString(b, 11, p.Workload.Kind)
	b = appendString(b, 12, p.Workload.Name)
	b = appendFields(b, 13, p.Labels)
	for _, id := range p.Containers {
		b = appendElement(b, 14, id)
	}
	b = appendTime(b, 15, p.Created)
	b = appendTime(b, 17, p.Scheduled)
	b = appendTime(b, 19, p.Started)
	b = appendTime(b, 21, p.Finished)
	if p.Gone {
		b = appendUint(b, 23, 1)
	}
	return appendUint(b, 24, uint64(max(p.Linger, 0)))
}

func decodePlacement(s *scanner, p *correlate.Placement) {
	var created, scheduled, started, finished instant
	for s.next() {
		if s.told(&p.Told) {
			continue
		}
		switch s.num {
		case 4:
			p.UID = s.string()
		case 5:
			p.Namespace = s.string()
		case 6:
			p.Pod = s.string()
		case 7:
			p.Node = s.string()
		case 8:
			p.Hostname = s.string()
		case 9:
			p.Controller.Kind = s.string()
		case 10:
			p.Controller.Name = s.string()
		case 11:
			p.Workload.Kind = s.string()
		case 12:
			p.Workload.Name = s.string()
		case 13:
			p.Labels = s.appendField(p.Labels)
		case 14:
			p.Containers = s.appendString(p.Containers)
		case 15:
			created.seconds = s.sint()
		case 16:
			created.nanos = s.uint()
		case 17:
			scheduled.seconds = s.sint()
		case 18:
			scheduled.nanos = s.uint()
		case 19:
			started.seconds = s.sint()
		case 20:
			started.nanos = s.uint()
		case 21:
			finished.seconds = s.sint()
		case 22:
			finished.nanos = s.uint()
		case 23:
			p.Gone = s.small(1) == 1
		case 24:
			p.Linger = time.Duration(s.small(math.MaxInt64))
		}
	}
	p.Created, p.Scheduled = created.time(s), scheduled.time(s)
	p.Started, p.Finished = started.time(s), finished.time(s)
}

func appendWatch(b []byte, w *correlate.Watch) []byte {
	b = appendTold(b, w.Told)
	b = appendUint(b, 4, uint64(w.Phase))
	return appendUint(b, 5, w.AsOf)
}

func decodeWatch(s *scanner, w *correlate.Watch) {
	for s.next() {
		if s.told(&w.Told) {
			continue
		}
		switch s.num {
		case 4:
			w.Phase = correlate.WatchPhase(s.small(uint64(correlate.Listed)))
		case 5:
			w.AsOf = s.uint()
		}
	}
}
