package eventlog

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/falcogate/falcogate/correlate"
)

// The bodies, in the order of docs/record.proto. The numbers are the file's.

func appendAlert(b []byte, a *correlate.Alert) []byte {
	b = appendString(b, 1, a.Hostname)
	b = appendString(b, 2, a.Source)
	b = appendString(b, 3, a.Rule)
	b = appendUint(b, 4, uint64(a.Priority))
	b = appendTime(b, 5, a.Time)
	b = appendString(b, 7, a.Output)
	b = appendFields(b, 8, a.OutputFields)
	for _, tag := range a.Tags {
		b = appendElement(b, 9, tag)
	}
	return b
}

func appendSnapshot(b []byte, s *correlate.Snapshot) []byte {
	b = appendString(b, 1, s.Hostname)
	b = appendTime(b, 2, s.Time)
	b = appendString(b, 4, s.EventSource)
	b = appendUint(b, 5, protowire.EncodeZigZag(s.Run.StartTS))
	b = appendUint(b, 6, protowire.EncodeZigZag(s.Run.ReloadTS))
	if s.Ruleset != (correlate.RulesetID{}) {
		b = appendBytes(b, 7, s.Ruleset[:])
	}
	if len(s.RuleMatches) > 0 {
		b = appendMessage(b, 8, func(b []byte) []byte {
			for _, n := range s.RuleMatches {
				b = protowire.AppendVarint(b, n)
			}
			return b
		})
	}
	b = appendCounter(b, 9, s.MatchesTotal)
	b = appendCounter(b, 10, s.QueueDrops)
	b = appendCounter(b, 11, s.EventsProcessed)
	b = appendCounter(b, 12, s.KernelEvents)
	return appendCounter(b, 13, s.KernelDrops)
}

func appendRuleset(b []byte, r *correlate.Ruleset) []byte {
	b = appendString(b, 1, r.Hostname)
	b = appendTime(b, 2, r.Time)
	if r.ID != (correlate.RulesetID{}) {
		b = appendBytes(b, 4, r.ID[:])
	}
	for _, rule := range r.Rules {
		b = appendElement(b, 5, rule)
	}
	b = appendFields(b, 6, r.RulesFiles)
	b = appendFields(b, 7, r.ConfigFiles)
	b = appendString(b, 8, r.Version)
	return appendString(b, 9, r.Engine)
}

func appendDrop(b []byte, d *correlate.Drop) []byte {
	b = appendString(b, 1, d.Hostname)
	b = appendTime(b, 2, d.Time)
	b = appendCounter(b, 4, d.Events)
	b = appendCounter(b, 5, d.Drops)
	return appendFields(b, 6, d.OutputFields)
}

func appendTimeout(b []byte, t *correlate.Timeout) []byte {
	b = appendString(b, 1, t.Hostname)
	b = appendTime(b, 2, t.Time)
	return appendString(b, 4, t.LastEventTime)
}

func appendInternal(b []byte, i *correlate.Internal) []byte {
	b = appendString(b, 1, i.Hostname)
	b = appendString(b, 2, i.Rule)
	b = appendTime(b, 3, i.Time)
	b = appendString(b, 5, i.Output)
	return appendFields(b, 6, i.OutputFields)
}

func appendMalformed(b []byte, m *correlate.Malformed) []byte {
	b = appendString(b, 1, m.Hostname)
	b = appendString(b, 2, m.Peer)
	b = appendString(b, 3, m.Reason)
	b = appendUint(b, 4, uint64(m.Size))
	if len(m.Raw) > 0 {
		b = appendBytes(b, 5, m.Raw)
	}
	return b
}
