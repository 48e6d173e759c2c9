package eventlog

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// StoreRaw puts bytes into the log that EncodeRecord would not write.
func (l *Log) StoreRaw(ctx context.Context, subject, id string, data []byte) error {
	return l.store(ctx, []*entry{{subject: subject, id: id, data: data}}, (*session).send)
}

// CutConnection ends the current connection as a fault of the network does.
func (l *Log) CutConnection() {
	if s := l.conn.get().session; s != nil {
		s.nc.Close()
	}
}

// JetStream does to the streams what their operator can do, as long as the
// current connection stands.
func (l *Log) JetStream(ctx context.Context) (jetstream.JetStream, error) {
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	return jetstream.New(s.nc)
}

// AckTimeout is how long an acknowledgement is waited for.
const AckTimeout = ackTimeout
