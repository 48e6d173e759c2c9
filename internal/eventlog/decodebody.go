package eventlog

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/falcogate/falcogate/correlate"
)

// The bodies, in the order of docs/record.proto. The numbers are the file's;
// those that are not known are skipped.

func decodeAlert(s *scanner, a *correlate.Alert) {
	var at instant
	for s.next() {
		switch s.num {
		case 1:
			a.Hostname = s.string()
		case 2:
			a.Source = s.string()
		case 3:
			a.Rule = s.string()
		case 4:
			a.Priority = correlate.Priority(s.small(math.MaxUint8))
		case 5:
			at.seconds = s.sint()
		case 6:
			at.nanos = s.uint()
		case 7:
			a.Output = s.string()
		case 8:
			a.OutputFields = s.appendField(a.OutputFields)
		case 9:
			a.Tags = s.appendString(a.Tags)
		}
	}
	a.Time = at.time(s)
}

func decodeSnapshot(s *scanner, b *correlate.Snapshot) {
	var at instant
	for s.next() {
		switch s.num {
		case 1:
			b.Hostname = s.string()
		case 2:
			at.seconds = s.sint()
		case 3:
			at.nanos = s.uint()
		case 4:
			b.EventSource = s.string()
		case 5:
			b.Run.StartTS = s.sint()
		case 6:
			b.Run.ReloadTS = s.sint()
		case 7:
			b.Ruleset = s.id()
		case 8:
			b.RuleMatches = s.appendNumbers(b.RuleMatches)
		case 9:
			b.MatchesTotal = s.counter()
		case 10:
			b.QueueDrops = s.counter()
		case 11:
			b.EventsProcessed = s.counter()
		case 12:
			b.KernelEvents = s.counter()
		case 13:
			b.KernelDrops = s.counter()
		}
	}
	b.Time = at.time(s)
}

func decodeRuleset(s *scanner, b *correlate.Ruleset) {
	var at instant
	for s.next() {
		switch s.num {
		case 1:
			b.Hostname = s.string()
		case 2:
			at.seconds = s.sint()
		case 3:
			at.nanos = s.uint()
		case 4:
			b.ID = s.id()
		case 5:
			b.Rules = s.appendString(b.Rules)
		case 6:
			b.RulesFiles = s.appendField(b.RulesFiles)
		case 7:
			b.ConfigFiles = s.appendField(b.ConfigFiles)
		case 8:
			b.Version = s.string()
		case 9:
			b.Engine = s.string()
		}
	}
	b.Time = at.time(s)
}

func decodeDrop(s *scanner, b *correlate.Drop) {
	var at instant
	for s.next() {
		switch s.num {
		case 1:
			b.Hostname = s.string()
		case 2:
			at.seconds = s.sint()
		case 3:
			at.nanos = s.uint()
		case 4:
			b.Events = s.counter()
		case 5:
			b.Drops = s.counter()
		case 6:
			b.OutputFields = s.appendField(b.OutputFields)
		}
	}
	b.Time = at.time(s)
}

func decodeTimeout(s *scanner, b *correlate.Timeout) {
	var at instant
	for s.next() {
		switch s.num {
		case 1:
			b.Hostname = s.string()
		case 2:
			at.seconds = s.sint()
		case 3:
			at.nanos = s.uint()
		case 4:
			b.LastEventTime = s.string()
		}
	}
	b.Time = at.time(s)
}

func decodeInternal(s *scanner, b *correlate.Internal) {
	var at instant
	for s.next() {
		switch s.num {
		case 1:
			b.Hostname = s.string()
		case 2:
			b.Rule = s.string()
		case 3:
			at.seconds = s.sint()
		case 4:
			at.nanos = s.uint()
		case 5:
			b.Output = s.string()
		case 6:
			b.OutputFields = s.appendField(b.OutputFields)
		}
	}
	b.Time = at.time(s)
}

func decodeMalformed(s *scanner, b *correlate.Malformed) {
	for s.next() {
		switch s.num {
		case 1:
			b.Hostname = s.string()
		case 2:
			b.Peer = s.string()
		case 3:
			b.Reason = s.string()
		case 4:
			b.Size = int(s.small(math.MaxInt))
		case 5:
			b.Raw = []byte(s.string())
		}
	}
}

// small is a number that must not be above limit.
func (s *scanner) small(limit uint64) uint64 {
	v := s.uint()
	if v > limit {
		s.fail(fmt.Errorf("%d, want at most %d", v, limit))
		return 0
	}
	return v
}

// appendField and appendString add the current field to a list, which is
// allocated at its first element for all that follow.
func (s *scanner) appendField(list []correlate.Field) []correlate.Field {
	if list == nil {
		list = make([]correlate.Field, 0, 1+s.count(s.num))
	}
	return append(list, s.field())
}

func (s *scanner) appendString(list []string) []string {
	if list == nil {
		list = make([]string, 0, 1+s.count(s.num))
	}
	return append(list, s.string())
}

// appendNumbers adds packed numbers, or one that is not packed, as the wire
// format demands of its readers.
func (s *scanner) appendNumbers(list []uint64) []uint64 {
	if s.typ == protowire.VarintType {
		return append(list, s.val)
	}
	if !s.is(protowire.BytesType) {
		return list
	}
	packed := s.data[s.start:s.stop]
	n := 0
	for _, c := range packed {
		if c < 0x80 {
			n++
		}
	}
	list = slices.Grow(list, n)
	for len(packed) > 0 {
		v, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			s.fail(protowire.ParseError(n))
			return list
		}
		list = append(list, v)
		packed = packed[n:]
	}
	return list
}
