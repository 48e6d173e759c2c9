package eventlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/falcogate/falcogate/correlate"
)

// entry is one message on its way into a stream.
type entry struct {
	subject string
	id      string // Nats-Msg-Id
	header  nats.Header
	data    []byte
	kind    string // of the record, for the metrics

	owner owner
	state state     // the owner's
	tries int       // how often it was sent
	sent  time.Time // last

	// What came of it. Written before owner.settled is called, read after.
	outcome
}

// state is where an entry is on its way.
type state uint8

const (
	waiting state = iota
	flying        // sent, and not settled
	stored
	failed
)

// outcome is what came of an entry that was sent.
type outcome struct {
	position  uint64
	duplicate bool // it was stored before, at position
	err       error
}

// owner is told what came of an entry: once for each time that it was sent, from
// any goroutine, also from within the call that sends it.
type owner interface {
	settled(e *entry, o outcome)
}

// size is what an entry counts in a window.
func (e *entry) size() int { return len(e.data) + len(e.subject) + len(e.id) + entryOverhead }

// entryOverhead stands for the headers and the protocol around an entry.
const entryOverhead = 128

// newEntry encodes a record. The error is for good.
func (l *Log) newEntry(r *correlate.Record) (*entry, error) {
	data, err := EncodeRecord(make([]byte, 0, l.sizeHint(r)), r)
	if err != nil {
		return nil, err
	}
	e := &entry{subject: LogSubject(r), data: data, kind: r.Body.Kind()}
	if r.ID == (correlate.ID{}) {
		// The record has no name of its own. This one tells a second try from
		// a second record.
		e.id = l.tries.Next()
	} else {
		e.id = r.ID.String()
	}
	return e, nil
}

// sizeHint is enough for the usual record, so that encoding allocates once.
func (l *Log) sizeHint(r *correlate.Record) int {
	a, ok := r.Body.(*correlate.Alert)
	if !ok {
		return 1024
	}
	n := 128 + len(a.Hostname) + len(a.Rule) + len(a.Output)
	for _, f := range a.OutputFields {
		n += len(f.Name) + len(f.Value) + 9
	}
	for _, t := range a.Tags {
		n += len(t) + 4
	}
	return n
}

// message is the entry as it is published.
func (e *entry) message(reply string) *nats.Msg {
	h := e.header
	if h == nil {
		h = nats.Header{jetstream.MsgIDHeader: []string{e.id}}
	}
	return &nats.Msg{Subject: e.subject, Reply: reply, Header: h, Data: e.data}
}

// errAckTimeout: the server did not answer. It may have stored the message.
var errAckTimeout = errors.New("the server has not acknowledged in time")

// permanent makes of what came of an entry the error that no further try can
// change, or nil when one may.
func permanent(e *entry, err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
	case errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum || api.ErrorCode == errHeaderTooLarge):
	case errors.Is(err, nats.ErrBadSubject), errors.Is(err, nats.ErrBadHeaderMsg), errors.Is(err, nats.ErrHeadersNotSupported):
		return fmt.Errorf("%w: %s: %w", ErrRefused, e.subject, err)
	default:
		return nil
	}
	return fmt.Errorf("%w: %s has %d bytes: %w: raise the server's max_payload, or send less", ErrTooLarge, e.subject, len(e.data), err)
}
