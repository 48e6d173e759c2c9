package verifier

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// Evaluate answers a question, at the end that the event log has when it is
// asked, or inconclusively when that can't be reached within the catch-up time.
//
// The order in which it decides is the whole point. An alert in scope fails,
// whatever else is missing. Otherwise what may hide an alert makes it
// inconclusive, whatever evidence is asked for: an index that is behind, a
// window that starts below the index's floor, messages that could not be read,
// alerts of an unknown namespace,
// and, when the question is about certain pods, alerts of the namespace that
// name no pod. Only then does the evidence decide.
//
// The error is a *FieldError when the question is wrong, and means a defect
// otherwise. It is nil for every verdict.
func (s *Service) Evaluate(ctx context.Context, q Question) (*Verdict, error) {
	began := time.Now()
	q = q.withDefaults()
	ask, err := q.queries(s.now())
	if err != nil {
		return nil, err
	}
	found := findings{behind: s.reachEnd(ctx)}
	s.tail.View(func(state *correlate.State, asOf uint64) {
		found.asOf = asOf
		found.malformed = state.Malformed(q.Window, q.Sensor)
		err = found.look(state.Index(), ask, q.Limit)
	})
	if err != nil {
		return nil, fmt.Errorf("asking the index: %w", err)
	}

	v := decide(q, found)
	v.Alerts = s.hydrate(ctx, found.entries)
	v.EvaluatedAt = s.now().UTC().Round(0)
	s.meters.verdicts.WithLabelValues(v.Verdict.String(), string(v.Evidence)).Inc()
	s.meters.duration.Observe(time.Since(began).Seconds())
	return v, nil
}

// findings are all that a verdict is decided by, read from one state.
type findings struct {
	behind       error // why the end of the log was not reached; nil when it was
	asOf         uint64
	floor        time.Time
	counts       correlate.Counts
	entries      []correlate.Entry
	podless      uint64
	malformed    uint64
	unattributed uint64
	host         uint64
}

func (f *findings) look(x *correlate.Index, ask queries, limit int) (err error) {
	f.floor = x.Floor()
	if f.counts, err = x.Count(ask.inScope); err != nil {
		return err
	}
	if f.entries, _, err = x.List(ask.inScope, correlate.NewestFirst, limit, correlate.Cursor{}); err != nil {
		return err
	}
	total := func(q correlate.Query) uint64 {
		if err != nil {
			return 0
		}
		var c correlate.Counts
		c, err = x.Count(q)
		return c.Total()
	}
	if ask.askPodless {
		f.podless = total(ask.podless)
	}
	f.unattributed = total(ask.unattributed)
	f.host = total(ask.host)
	return err
}

// decide turns findings into a verdict. It is a pure function of its arguments.
func decide(q Question, f findings) *Verdict {
	var reasons []Reason
	failed := f.counts.Total() > 0
	if failed {
		reasons = append(reasons, reasonAlerts(f.counts, q))
	}
	if f.behind != nil {
		reasons = append(reasons, reasonIndexBehind(f.behind))
	}
	if q.Window.Start.Before(f.floor) {
		reasons = append(reasons, reasonEvicted(q.Window.Start, f.floor))
	}
	if f.malformed > 0 {
		reasons = append(reasons, reasonMalformed(f.malformed))
	}
	if f.unattributed > 0 {
		reasons = append(reasons, reasonUnattributed(f.unattributed, q))
	}
	if f.podless > 0 {
		reasons = append(reasons, reasonPodUnknown(f.podless, q))
	}
	outcome := Inconclusive
	switch {
	case failed:
		outcome = Fail // a fail needs no proof, so that none is missing
	case q.Evidence != None:
		reasons = append(reasons, reasonNoProof(q))
	case len(reasons) == 0:
		outcome = Pass
		reasons = append(reasons, reasonTrustInSilence())
	}

	v := &Verdict{
		Verdict:    outcome,
		Passed:     outcome == Pass,
		Reason:     reasons[0].Reason,
		Message:    reasons[0].Message,
		Reasons:    reasons,
		AlertCount: f.counts.Total(),
		Truncated:  f.counts.Total() > uint64(len(f.entries)),
		Summary:    summarise(f.counts),
		Namespace:  q.Namespace,
		Pod:        q.Pod,
		Rule:       q.Rule,
		Sensor:     q.Sensor,
		Severity:   q.Severity,
		Evidence:   q.Evidence,
		Window:     windowOf(q.Window),
		Coverage: Coverage{
			Evidence:     None,
			Malformed:    f.malformed,
			Unattributed: f.unattributed,
			WithoutPod:   f.podless,
			Floor:        utc(f.floor),
		},
		HostAlerts: f.host,
		AsOf:       f.asOf,
	}
	v.ID = verdictID(q, v)
	return v
}

// verdictID hashes the question in a canonical form, the position, and what
// came of it. The last is there because the same question may be answered in
// two ways at one position: when the index was behind, or the floor has moved.
func verdictID(q Question, v *Verdict) string {
	var buf []byte
	str := func(s string) {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	num := func(n uint64) { buf = binary.BigEndian.AppendUint64(buf, n) }
	str("falcogate verdict 1")
	for _, s := range []string{q.Namespace, q.Pod, q.Rule, q.Sensor, q.Severity.String(), string(q.Evidence)} {
		str(s)
	}
	num(uint64(q.Window.Start.UnixNano()))
	num(uint64(q.Window.End.UnixNano()))
	num(uint64(q.Limit))
	num(v.AsOf)
	str(v.Verdict.String())
	num(v.AlertCount)
	for _, r := range v.Reasons {
		str(string(r.Reason))
	}
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:16])
}
