package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrGateChanged is what PutGate returns when the gate is not as the caller knows
// it: another has changed it since, or made it.
var ErrGateChanged = errors.New("the gate was changed by another")

// PutGate stores what a gate is now, unless another has changed it since: revision is
// what the caller knows it by, from PutGate, Gate or WatchGates, and zero for one that
// must not be there yet. It returns the new revision. An outage is waited out until ctx
// ends, and a try of which nobody knows what came of it is made again as the same. The
// error is ErrGateChanged, ctx's, ErrClosed, or wraps ErrTooLarge or ErrRefused.
// It may be called concurrently.
func (l *Log) PutGate(ctx context.Context, id string, data []byte, revision uint64) (uint64, error) {
	return l.putLatest(ctx, gatePrefix+EncodeName(id), data, revision)
}

// PutRollout stores what is known of a canary, as PutGate does with a gate.
func (l *Log) PutRollout(ctx context.Context, canary string, data []byte, revision uint64) (uint64, error) {
	return l.putLatest(ctx, rolloutPrefix+EncodeName(canary), data, revision)
}

// putLatest stores the latest word on a subject of the gates' stream.
func (l *Log) putLatest(ctx context.Context, subject string, data []byte, revision uint64) (uint64, error) {
	m := nats.NewMsg(subject)
	m.Data = data
	// The server compares ids before revisions, so a second try is known as one.
	m.Header.Set(jetstream.MsgIDHeader, l.tries.Next())
	var stored uint64
	err := l.ask(ctx, func(s *session) error {
		ack, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(revision), jetstream.WithExpectStream(GateStream), jetstream.WithRetryAttempts(0))
		var api *jetstream.APIError
		switch {
		case err == nil:
			stored = ack.Sequence
			return nil
		case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
			return done(ErrGateChanged)
		}
		if final := permanent(&entry{subject: m.Subject, data: data}, err); final != nil {
			return done(final)
		}
		return err
	})
	return stored, undone(err)
}

// Gate returns what a gate is now, and its revision; zero when there is none. An
// outage is waited out until ctx ends.
func (l *Log) Gate(ctx context.Context, id string) (data []byte, revision uint64, err error) {
	return l.latest(ctx, gatePrefix+EncodeName(id))
}

// Rollout returns what is known of a canary, as Gate does with a gate.
func (l *Log) Rollout(ctx context.Context, canary string) (data []byte, revision uint64, err error) {
	return l.latest(ctx, rolloutPrefix+EncodeName(canary))
}

// Rollouts is of how many canaries something is known. An outage is waited out until ctx
// ends.
func (l *Log) Rollouts(ctx context.Context) (n int, err error) {
	err = l.ask(ctx, func(s *session) error {
		info, err := s.gates.Info(ctx, jetstream.WithSubjectFilter(rolloutPrefix+">"))
		if err != nil {
			return err
		}
		n = len(info.State.Subjects)
		return nil
	})
	return n, err
}

// latest is the latest word on a subject of the gates' stream.
func (l *Log) latest(ctx context.Context, subject string) (data []byte, revision uint64, err error) {
	err = l.ask(ctx, func(s *session) error {
		// A replica, which a direct get may be answered by, can be behind what was just put.
		request, err := json.Marshal(map[string]string{"last_by_subj": subject})
		if err != nil {
			return done(err)
		}
		m, err := s.fromLeader(ctx, s.gates, request)
		if err != nil {
			return err
		}
		data, revision = m.Data, m.Sequence
		return nil
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	return data, revision, undone(err)
}

// RemoveGate forgets a gate, unless it has changed since the revision. WatchGates does
// not tell. An outage is waited out until ctx ends.
func (l *Log) RemoveGate(ctx context.Context, id string, revision uint64) error {
	return l.ask(ctx, func(s *session) error {
		return s.gates.Purge(ctx, jetstream.WithPurgeSubject(gatePrefix+EncodeName(id)), jetstream.WithPurgeSequence(revision+1))
	})
}

// GateChange is what a gate is from a revision on.
type GateChange struct {
	ID       string
	Data     []byte
	Revision uint64
}

// WatchGates calls fn with all gates and then with each change, in the order of their
// revisions, until ctx ends or fn returns an error, which it returns. Whole is true once
// fn has had all that there was when the watch began; then fn is also called without
// changes. After an outage, which it waits out, it begins anew: fn gets gates that it
// had before. A gate whose id is too long for a subject is left out.
func (l *Log) WatchGates(ctx context.Context, fn func(changes []GateChange, whole bool) error) error {
	err := l.ask(ctx, func(s *session) error { return l.watchGates(ctx, s, fn) })
	return undone(err)
}

func (l *Log) watchGates(ctx context.Context, s *session, fn func([]GateChange, bool) error) error {
	f, err := newFeed(ctx, s, extract{stream: s.gates, name: "gates", from: 1})
	if err != nil {
		return err
	}
	defer f.stop(ctx)
	whole := f.held == 0
	if err := fn(nil, whole); err != nil {
		return done(err)
	}
	for {
		items, err := f.take(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return done(nil)
			}
			return err
		}
		changes := make([]GateChange, 0, len(items))
		for i := range items {
			it := &items[i]
			id, known, err := DecodeName(it.subject[len(gatePrefix):])
			if err == nil && known {
				changes = append(changes, GateChange{ID: id, Data: it.data, Revision: it.position})
			}
		}
		whole = whole || f.sequence >= f.held || f.idle
		if err := fn(changes, whole); err != nil {
			return done(err)
		}
	}
}

// doneError ends the tries of ask with an error, or without one.
type doneError struct{ err error }

func (e *doneError) Error() string { return fmt.Sprintf("ended: %v", e.err) }

// done has ask try no more.
func done(err error) error { return &doneError{err} }

// undone is the error that done was given.
func undone(err error) error {
	var d *doneError
	if errors.As(err, &d) {
		return d.err
	}
	return err
}
