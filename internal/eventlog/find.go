package eventlog

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// FindVerdict returns the header and the data of the verdict that was published under an id (32
// hex digits; anything else is nobody's id), and whether the verdict stream holds
// one. Of several under the same id the first one kept counts: a verdict does not
// change once it was published, and the server tells duplicates apart for two
// minutes only.
//
// It looks up to where the stream ends when it is called. JetStream has no index
// by id, so it reads the headers of all verdicts before the wanted one: a few
// seconds for a full stream. It blocks until then. An outage is waited out until
// ctx ends; the error is ctx's or ErrClosed.
func (l *Log) FindVerdict(ctx context.Context, id string) (header map[string]string, data []byte, found bool, err error) {
	if !isVerdictID(id) {
		return nil, nil, false, nil
	}
	v := &search{id: id, next: 1}
	err = l.ask(ctx, func(s *session) error {
		info, err := s.verdicts.Info(ctx)
		if err == nil {
			v.last = info.State.LastSeq
		}
		return err
	})
	for err == nil && v.next <= v.last {
		v.at = 0
		if err = l.ask(ctx, func(s *session) error { return v.follow(ctx, s) }); err != nil || v.at == 0 {
			break
		}
		var m *jetstream.RawStreamMsg
		err = l.ask(ctx, func(s *session) (err error) {
			m, err = s.get(ctx, s.verdicts, v.at)
			return err
		})
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			err = nil // evicted since it was seen; another one may be behind it
		case err == nil && m.Header.Get(jetstream.MsgIDHeader) == id:
			header = make(map[string]string, len(m.Header))
			for name, values := range m.Header {
				header[name] = values[0]
			}
			return header, m.Data, true, nil
		}
	}
	return nil, nil, false, err
}

// isVerdictID reports whether a verdict can have this id.
func isVerdictID(id string) bool {
	if len(id) != 32 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// search looks for a verdict by its id, across sessions.
type search struct {
	id   string
	next uint64 // the least position that was not looked at
	last uint64 // the greatest one to look at
	at   uint64 // where the verdict is; zero while that is not known
}

// errFeedShort is why a search starts again.
var errFeedShort = errors.New("the consumer has brought less than the stream holds")

// follow looks at headers until it has found the verdict or has seen all.
func (v *search) follow(ctx context.Context, s *session) error {
	f, err := newFeed(ctx, s, extract{stream: s.verdicts, name: "find", from: v.next, headersOnly: true})
	if err != nil {
		return err
	}
	defer f.stop(ctx)
	for v.next <= v.last && v.at == 0 {
		// The last positions may be empty: evicted meanwhile, or deleted. Then
		// nothing more comes, and what comes later is behind last.
		if f.sequence >= f.held || f.idle {
			return v.confirm(ctx, s)
		}
		items, err := f.take(ctx)
		if err != nil {
			return err
		}
		v.look(items)
	}
	return nil
}

// look goes through messages up to the one that is wanted.
func (v *search) look(items []item) {
	for i := range items {
		it := &items[i]
		v.next = it.position + 1
		switch {
		case it.position > v.last:
			return
		case it.header.Get(jetstream.MsgIDHeader) == v.id:
			v.at = it.position
			return
		}
	}
}

// confirm ends the search when the stream holds nothing more of what is to be
// looked at. The consumer may be at a replica that is behind; the leader knows.
func (v *search) confirm(ctx context.Context, s *session) error {
	m, err := s.nextFromLeader(ctx, s.verdicts, v.next)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		v.next = v.last + 1
	case err != nil:
		return err
	case m.Sequence <= v.last:
		return errFeedShort
	default:
		v.next = m.Sequence
	}
	return nil
}
