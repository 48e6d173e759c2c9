package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// feedHeartbeat is how often an idle consumer shows that it is there.
const feedHeartbeat = 5 * time.Second

// extract is what a feed reads.
type extract struct {
	stream      jetstream.Stream
	name        string // begins the consumer's name
	from        uint64 // the position to begin at, or the first behind it that is kept
	headersOnly bool   // without the data
}

// feed reads a stream on one session through an ephemeral push consumer.
// The server pushes as far as flow control lets it, and flow control is answered
// only when what came before it has been delivered: so what is buffered here
// stays below the server's window of 32 MB, however slow the reader is.
type feed struct {
	s      *session
	stream jetstream.Stream
	sub    *nats.Subscription
	name   string
	wake   chan struct{}
	// held is how many messages the stream had for it when it began, as far as
	// the server that it reads from knew.
	held uint64

	// The reader's.
	sequence uint64    // the consumer's count at the item taken last
	beat     time.Time // when something came last
	answers  []string  // flow control to answer once the last batch is delivered
	failed   error     // what came behind the last batch
	idle     bool      // the last batch ended with a sign of life, with nothing to send

	mu    sync.Mutex
	items []item // received, not taken
	spare []item // taken last
}

var (
	errFeedGap    = errors.New("the consumer has left out a message")
	errFeedSilent = errors.New("the consumer is silent")
	errFeedLost   = errors.New("the consumer is gone")
)

// newFeed begins to read.
func newFeed(ctx context.Context, s *session, x extract) (*feed, error) {
	f := &feed{s: s, stream: x.stream, wake: make(chan struct{}, 1), name: x.name + "-" + nuid.Next(), beat: time.Now()}
	inbox := nats.NewInbox()
	var err error
	if f.sub, err = s.nc.Subscribe(inbox, f.receive); err != nil {
		return nil, err
	}
	// Bounded by flow control.
	if err := f.sub.SetPendingLimits(-1, -1); err != nil {
		return nil, err
	}
	consumer, err := x.stream.CreatePushConsumer(ctx, jetstream.ConsumerConfig{
		Name:              f.name,
		DeliverSubject:    inbox,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       x.from,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		HeadersOnly:       x.headersOnly,
		FlowControl:       true,
		IdleHeartbeat:     feedHeartbeat,
		InactiveThreshold: time.Minute,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		_ = f.sub.Unsubscribe() // fails only when the connection is gone
		return nil, fmt.Errorf("creating a consumer: %w", err)
	}
	info := consumer.CachedInfo()
	f.held = info.Delivered.Consumer + info.NumPending
	return f, nil
}

// stop ends the consumer. When the connection is gone, the server does so by
// itself a minute later.
func (f *feed) stop(ctx context.Context) {
	_ = f.sub.Unsubscribe()
	if !f.s.alive() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = f.stream.DeleteConsumer(ctx, f.name)
}

// receive queues one message.
func (f *feed) receive(m *nats.Msg) {
	it := itemOf(m)
	f.mu.Lock()
	f.items = append(f.items, it)
	f.mu.Unlock()
	signal(f.wake)
}

// take waits for messages and returns the records among them, in order. They are
// valid until the next call, which also tells the server that they were
// delivered.
func (f *feed) take(ctx context.Context) ([]item, error) {
	for _, reply := range f.answers {
		if err := f.s.nc.Publish(reply, nil); err != nil {
			return nil, err
		}
	}
	f.answers = f.answers[:0]
	if f.failed != nil {
		return nil, f.failed
	}
	clear(f.spare)
	for {
		f.mu.Lock()
		f.items, f.spare = f.spare[:0], f.items
		f.mu.Unlock()
		if len(f.spare) > 0 {
			f.beat = time.Now()
			return f.check(), nil
		}
		if err := f.await(ctx); err != nil {
			return nil, err
		}
	}
}

// await waits until something was received.
func (f *feed) await(ctx context.Context) error {
	silence := time.NewTimer(time.Until(f.beat.Add(5 * feedHeartbeat / 2)))
	defer silence.Stop()
	select {
	case <-f.wake:
		return nil
	case <-f.s.done:
		return f.s.reason
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-silence.C:
		return errFeedSilent
	}
}

// check keeps the records of what was received, up to the first sign that
// something is missing.
func (f *feed) check() []item {
	records := f.spare[:0]
	for _, it := range f.spare {
		f.idle = false
		switch {
		case it.position != 0 && it.sequence == f.sequence+1:
			f.sequence++
			records = append(records, it)
		case it.position != 0, it.sequence > f.sequence:
			f.failed = errFeedGap
		case it.lost:
			f.failed = errFeedLost
		case it.reply != "":
			f.answers = append(f.answers, it.reply)
		default:
			f.idle = true
		}
		if f.failed != nil {
			break
		}
	}
	return records
}
