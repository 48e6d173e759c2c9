package eventlog

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ackTimeout is how long a message may go without an answer on a connection that
// stands. A leader election fits into it.
const ackTimeout = 10 * time.Second

// acks publishes on one session and matches the server's acknowledgements with
// what was published. It does what JetStream's PublishAsync does without trying
// again by itself, which would break the order.
type acks struct {
	nc     *nats.Conn
	prefix string // of the subjects of answers
	broken func() // nil, or called when the server can't be storing anything

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]*entry
	ended   error
}

func newAcks(nc *nats.Conn) (*acks, error) {
	a := &acks{nc: nc, prefix: nats.NewInbox() + ".", waiting: map[uint64]*entry{}}
	sub, err := nc.Subscribe(a.prefix+"*", a.answer)
	if err != nil {
		return nil, err
	}
	// What can arrive is bounded by what was published.
	return a, sub.SetPendingLimits(-1, -1)
}

// publish sends an entry. It does not wait for the answer; it may block for as
// long as the socket does.
func (a *acks) publish(e *entry) {
	e.tries++
	e.sent = time.Now()
	a.mu.Lock()
	if a.ended != nil {
		a.mu.Unlock()
		e.owner.settled(e, outcome{err: a.ended})
		return
	}
	a.next++
	token := a.next
	a.waiting[token] = e
	a.mu.Unlock()
	if err := a.nc.PublishMsg(e.message(a.prefix + strconv.FormatUint(token, 36))); err != nil {
		a.settle(token, outcome{err: err})
	}
}

// answer takes one acknowledgement.
func (a *acks) answer(m *nats.Msg) {
	token, err := strconv.ParseUint(m.Subject[min(len(a.prefix), len(m.Subject)):], 36, 64)
	if err != nil {
		return // not ours
	}
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		a.suspect()
		a.settle(token, outcome{err: nats.ErrNoResponders})
		return
	}
	a.settle(token, parseAck(m.Data))
}

func (a *acks) suspect() {
	if a.broken != nil {
		a.broken()
	}
}

func (a *acks) settle(token uint64, o outcome) {
	a.mu.Lock()
	e, ok := a.waiting[token]
	delete(a.waiting, token)
	a.mu.Unlock()
	if ok {
		e.owner.settled(e, o)
	}
}

// close settles all that waits, with err.
func (a *acks) close(err error) {
	a.mu.Lock()
	a.ended = err
	tokens := make([]uint64, 0, len(a.waiting))
	for t := range a.waiting {
		tokens = append(tokens, t)
	}
	a.mu.Unlock()
	for _, t := range tokens {
		a.settle(t, outcome{err: err})
	}
}

// expire settles what has waited too long, until done is closed.
func (a *acks) expire(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			var late []uint64
			a.mu.Lock()
			for t, e := range a.waiting {
				if now.Sub(e.sent) > ackTimeout {
					late = append(late, t)
				}
			}
			a.mu.Unlock()
			if len(late) > 0 {
				a.suspect()
			}
			for _, t := range late {
				a.settle(t, outcome{err: errAckTimeout})
			}
		}
	}
}

// parseAck reads a publish acknowledgement. Nearly all look the same, and those
// are read without a JSON decoder.
func parseAck(data []byte) outcome {
	if rest, ok := bytes.CutPrefix(data, []byte(`{"stream":"`+LogStream+`","seq":`)); ok {
		if position, ok := digits(bytes.TrimSuffix(rest, []byte("}"))); ok {
			return outcome{position: position}
		}
	}
	var ack struct {
		jetstream.PubAck
		Error *jetstream.APIError `json:"error"`
	}
	switch err := json.Unmarshal(data, &ack); {
	case err != nil:
		return outcome{err: jetstream.ErrInvalidJSAck}
	case ack.Error != nil:
		return outcome{err: ack.Error}
	case ack.Stream == "" || ack.Sequence == 0:
		return outcome{err: jetstream.ErrInvalidJSAck}
	}
	return outcome{position: ack.Sequence, duplicate: ack.Duplicate}
}

// digits reads a decimal number of at most 19 digits and nothing else.
func digits(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n > 0
}
