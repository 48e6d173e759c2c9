package verifier

import (
	"context"
	"time"
)

// rememberedIDs is for how long after an event was not there yet the log surely knows
// when it gets it a second time. It is half of what the log promises, as what is sent
// takes its time.
const rememberedIDs = time.Minute

// ownChange is the last change of a gate that this replica made: the revision it led to,
// and when it was begun. That is a time of this process's own clock, which neither another
// replica's clock nor a correction of this one's can move.
type ownChange struct {
	revision uint64
	began    time.Time
}

// absentSince is a time at which the event of what a gate is now was not published, and
// since when no more than rememberedIDs has passed; zero when it is published.
//
// Only who stored what the event tells knows that without looking: nobody publishes
// before. When others did it is not to be told from its time, which is their clock's.
func (g *Gates) absentSince(ctx context.Context, e *gateEntry, gate *Gate, revision uint64) (time.Time, error) {
	g.mu.Lock()
	own := e.own
	g.mu.Unlock()
	if own.revision == revision && time.Since(own.began) < rememberedIDs/2 {
		return own.began, nil
	}
	id := gate.Verdict.ID
	if gate.Contradiction != nil {
		id = gate.Contradiction.ID
	}
	now := time.Now()
	bounded, cancel := context.WithDeadline(ctx, now.Add(rememberedIDs/2))
	defer cancel()
	// Whoever stored it may have got as far as publishing it before it crashed.
	_, _, there, err := g.service.log.FindVerdict(bounded, id)
	if err != nil || there {
		return time.Time{}, err
	}
	return now, nil
}

// verdictEvent stores the verdict's event, which was not there at a time, once.
func (g *Gates) verdictEvent(ctx context.Context, v *Verdict, absent time.Time) error {
	data, err := encodeEvent(v)
	if err != nil {
		return err
	}
	return g.event(ctx, absent, v.ID, g.service.subject(v.Namespace, v.Verdict.String()), g.service.signedHeader(v, data), data)
}

// contradictionEvent stores a contradiction's event, likewise.
func (g *Gates) contradictionEvent(ctx context.Context, c *Contradiction, absent time.Time) error {
	data, err := c.encode()
	if err != nil {
		return err
	}
	return g.event(ctx, absent, c.ID, g.service.subject(c.Namespace, contradictionWord), contradictionHeader(g.service.source, c), data)
}

// event stores an event, and gives up before the log may have forgotten its id: this
// process may have been stopped for a while, and another have published it meanwhile.
func (g *Gates) event(ctx context.Context, absent time.Time, id, subject string, header map[string]string, data []byte) error {
	bounded, cancel := context.WithDeadline(ctx, absent.Add(rememberedIDs))
	defer cancel()
	bounded, stop := context.WithTimeout(bounded, publishTimeout)
	defer stop()
	_, _, err := g.service.log.PublishVerdict(bounded, subject, id, header, data)
	return err
}
