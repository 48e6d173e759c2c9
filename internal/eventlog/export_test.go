package eventlog

import "context"

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

// AckTimeout is how long an acknowledgement is waited for.
const AckTimeout = ackTimeout
