package eventlog

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// PublishVerdict publishes data on a subject made by VerdictSubject and returns
// once it is stored: at which position of the verdict stream, and whether a
// message with that id already was within the last two minutes; then the
// position is that one's. Header names go out in the case they are given in; the
// id is sent as Nats-Msg-Id and must not be empty. It tries again until ctx ends.
// The error is ctx's, ErrClosed, or wraps ErrTooLarge or ErrRefused.
func (l *Log) PublishVerdict(ctx context.Context, subject, id string, header map[string]string, data []byte) (position uint64, duplicate bool, err error) {
	if err := l.enter(); err != nil {
		return 0, false, err
	}
	defer l.calls.Done()
	if id == "" || !strings.HasPrefix(subject, verdictPrefix) {
		return 0, false, fmt.Errorf("event log: %w: a verdict needs an id, has %q, and a subject under %s, has %q", ErrRefused, id, verdictPrefix, subject)
	}
	h := make(nats.Header, len(header)+1)
	for name, value := range header {
		h[name] = []string{value}
	}
	h[jetstream.MsgIDHeader] = []string{id}
	e := &entry{subject: subject, id: id, header: h, data: data}
	if err := l.store(ctx, []*entry{e}, func(s *session, e *entry) { s.acks.publish(e) }); err != nil {
		return 0, false, err
	}
	return e.position, e.duplicate, nil
}
