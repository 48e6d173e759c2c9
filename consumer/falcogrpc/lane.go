package falcogrpc

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/falcogate/falcogate/consumer"
)

// lane is the reader's way into the log. It outlives streams. One goroutine uses
// it at a time.
type lane struct {
	reader *Reader
	consumer.Lane
	hostname string // of the last alert
	unstored bool   // a message that was received could not be handed on
}

// accept hands on a message. It blocks while the lane does. The error means that
// the message is not stored: ctx ended, or the log takes nothing any more.
func (l *lane) accept(ctx context.Context, r *received) error {
	m := r.message(l.reader.target.String())
	m.Received = time.Now()
	err := l.hand(ctx, l.Lane, m, r)
	if errors.Is(err, consumer.ErrLaneBroken) {
		err = l.replace(ctx, m, r, err)
	}
	var malformed *consumer.MalformedError
	if errors.As(err, &malformed) {
		return nil // stored as what it is
	}
	l.unstored = err != nil
	if r.alert != nil {
		l.hostname = r.alert.Hostname
	}
	return err
}

// hand gives a message to the intake, for the lane unless that is nil.
func (l *lane) hand(ctx context.Context, to consumer.Lane, m consumer.Message, r *received) error {
	in := l.reader.o.Intake
	switch {
	case r.err != nil && to == nil:
		return in.Malformed(ctx, m, r.err)
	case r.err != nil:
		return in.MalformedVia(ctx, to, m, r.err)
	case to == nil:
		return in.Accept(ctx, m, r.alert)
	}
	return in.AcceptVia(ctx, to, m, r.alert)
}

// replace opens a new lane for a broken one. Of what was in the old one it is not
// known what was stored, and it can't be asked for again; a record of that goes
// into the log, so that no verdict passes over it. The message in hand goes past
// the lane: if it was what broke the old one, it is stored as malformed.
func (l *lane) replace(ctx context.Context, m consumer.Message, r *received, cause error) error {
	l.reader.logger.LogAttrs(ctx, slog.LevelError, "the way into the event log broke; messages in flight may be lost",
		slog.Any("reason", cause))
	l.Close()
	l.Lane = l.reader.o.Log.NewLane()
	if err := l.notice(ctx, cause); err != nil {
		return err
	}
	return l.hand(ctx, nil, m, r)
}

// notice stores a record which says that messages of this Falco may be lost.
func (l *lane) notice(ctx context.Context, cause error) error {
	trace := consumer.Malformedf(consumer.ClassOther, "", "messages before this record may be lost: %v", cause)
	trace.Hostname = l.hostname
	m := consumer.Message{Transport: consumer.TransportGRPC, Peer: l.reader.target.String(), Received: time.Now()}
	return l.reader.o.Intake.Malformed(ctx, m, trace)
}
