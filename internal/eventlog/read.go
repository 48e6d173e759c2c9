package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/falcogate/falcogate/correlate"
)

// readers is how many records ReadMany asks for at a time.
const readers = 16

// Bounds are where the log begins and ends, and when its stream was made: whoever
// deletes the stream and makes it again, or loses the data directory, has another
// log. An outage is waited out until ctx ends.
func (l *Log) Bounds(ctx context.Context) (correlate.Bounds, error) {
	var b correlate.Bounds
	err := l.ask(ctx, func(s *session) error {
		info, err := s.log.Info(ctx)
		if err != nil {
			return err
		}
		st := &info.State
		b = correlate.Bounds{First: st.FirstSeq, Last: st.LastSeq, FirstTime: st.FirstTime, Created: info.Created}
		if st.Msgs == 0 {
			b.First, b.FirstTime = b.Last+1, time.Time{}
		}
		return nil
	})
	return b, err
}

// Read returns the record at a position. The error wraps ErrNotRetained when the
// log does not hold it (any more), ErrSchemaVersion or ErrCorrupt when it can't
// be decoded. An outage is waited out until ctx ends.
func (l *Log) Read(ctx context.Context, position uint64) (*correlate.Record, error) {
	if position == 0 {
		return nil, fmt.Errorf("%w: positions begin at 1", ErrNotRetained)
	}
	var m *jetstream.RawStreamMsg
	err := l.ask(ctx, func(s *session) (err error) {
		m, err = s.get(ctx, s.log, position)
		return err
	})
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, fmt.Errorf("%w: %d", ErrNotRetained, position)
	case err != nil:
		return nil, err
	}
	r, err := DecodeRecord(m.Data)
	if err != nil {
		return nil, fmt.Errorf("event log at %s: position %d: %w", l.where(), position, err)
	}
	r.Position, r.Logged = position, m.Time
	return r, nil
}

// ReadMany returns the records at the positions, in the order asked for, nil for
// each that is not retained. Up to 16 are read at a time. The first other error
// ends it.
func (l *Log) ReadMany(ctx context.Context, positions []uint64) ([]*correlate.Record, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	records := make([]*correlate.Record, len(positions))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(readers, len(positions)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(positions) || ctx.Err() != nil {
					return
				}
				r, err := l.Read(ctx, positions[i])
				if err != nil && !errors.Is(err, ErrNotRetained) {
					cancel(err)
					return
				}
				records[i] = r
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return records, nil
}

// get reads the message at a position. The error is ErrMsgNotFound when the
// stream does not hold it.
func (s *session) get(ctx context.Context, stream jetstream.Stream, position uint64) (*jetstream.RawStreamMsg, error) {
	m, err := stream.GetMsg(ctx, position)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		// Any replica answers that, also one that is behind.
		m, err = s.fromLeader(ctx, stream, fmt.Appendf(nil, `{"seq":%d}`, position))
	}
	return m, err
}

// nextFromLeader reads the message at a position, or the first one behind it, from
// the stream's leader. The error is ErrMsgNotFound when there is none.
func (s *session) nextFromLeader(ctx context.Context, stream jetstream.Stream, position uint64) (*jetstream.RawStreamMsg, error) {
	return s.fromLeader(ctx, stream, fmt.Appendf(nil, `{"seq":%d,"next_by_subj":">"}`, position))
}

// fromLeader reads the message that a request asks for from the stream's leader,
// which alone knows for sure what the stream does not hold.
func (s *session) fromLeader(ctx context.Context, stream jetstream.Stream, request []byte) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	name := stream.CachedInfo().Config.Name
	m, err := s.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+name, request)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	switch err := json.Unmarshal(m.Data, &answer); {
	case err != nil:
		return nil, err
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, jetstream.ErrMsgNotFound
	case answer.Error != nil:
		return nil, answer.Error
	case answer.Message == nil:
		return nil, errors.New("the server's answer has neither a message nor an error")
	}
	found := &jetstream.RawStreamMsg{Sequence: answer.Message.Sequence, Data: answer.Message.Data, Time: answer.Message.Time}
	if len(answer.Message.Header) > 0 {
		if found.Header, err = nats.DecodeHeadersMsg(answer.Message.Header); err != nil {
			return nil, fmt.Errorf("the headers of message %d of stream %s: %w", found.Sequence, name, err)
		}
	}
	return found, nil
}

// ask calls f until it works or says that there is no such message.
func (l *Log) ask(ctx context.Context, f func(*session) error) error {
	wait := retryBackoff(retryLimit)
	for {
		s, err := l.session(ctx)
		if err != nil {
			return err
		}
		err = f(s)
		var final *doneError
		if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) || errors.As(err, &final) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("event log at %s: %w: %w", l.where(), context.Cause(ctx), err)
		}
		pause(ctx, wait.NextBackOff())
	}
}
