package falcogrpc

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
)

// What the second reader takes the connected one never gets, however it asks, and
// all else comes in order.
func TestTheSecondReaderTakesItsShare(t *testing.T) {
	for name, late := range map[string]bool{"a reader that is connected": false, "a reader that comes later": true} {
		t.Run(name, func(t *testing.T) {
			address := socket(t)
			s := serve(t, ServerOptions{Address: address})
			log := newMemoryLog()
			var r *running
			if !late {
				r = start(t, log, ReaderOptions{Target: address, RequestInterval: time.Millisecond})
			}
			var want []int
			for n := range 300 {
				if n%7 == 3 {
					require.NoError(t, s.SendToSecond(t.Context(), line(n)))
					continue
				}
				send(t, s, n, n+1)
				want = append(want, n)
			}
			if late {
				r = start(t, log, ReaderOptions{Target: address})
			}
			require.NoError(t, s.Drain(t.Context()))
			require.Equal(t, want, numbered(t, log.await(t, len(want))))
			r.stop()
			require.NoError(t, <-r.done)
			require.Len(t, log.all(), len(want))
		})
	}
}

// The second reader takes what is kept for it out of the middle of the queue, and
// over TCP it needs no certificate.
func TestTheSecondReaderOverMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	s := serve(t, ServerOptions{Address: "127.0.0.1:0", TLS: ca.server(t)})
	send(t, s, 0, 2)
	require.NoError(t, s.SendToSecond(t.Context(), line(2)))
	send(t, s, 3, 4)
	r := start(t, newMemoryLog(), ReaderOptions{Target: s.Addr().String(), TLS: ca.client(t)})
	require.Equal(t, []int{0, 1, 3}, numbered(t, r.log.await(t, 3)))
}

// A client that takes all at once gets nothing of it either.
func TestGetLeavesWhatIsTheSecondReaders(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	client := outputs.NewServiceClient(falcoClient(t, address))
	require.NoError(t, s.queue.push(t.Context(), queued{response: wireOf(t, response()), second: true}, 0))
	get, err := client.Get(t.Context(), &outputs.Request{})
	require.NoError(t, err)
	_, err = get.Recv()
	require.ErrorIs(t, err, io.EOF)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Drain(short), context.DeadlineExceeded, "it is still there")
	require.NoError(t, s.SendToSecond(t.Context(), line(1)), "and is taken with the next one")
	require.NoError(t, s.Drain(t.Context()))
}

func TestSendToSecondEnds(t *testing.T) {
	s := serve(t, ServerOptions{Address: socket(t), Capacity: 1})
	var m *consumer.MalformedError
	require.ErrorAs(t, s.SendToSecond(t.Context(), []byte("06:26:40: Notice text")), &m)

	// It waits for room as any other message.
	send(t, s, 0, 1)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.SendToSecond(short, line(1)), context.DeadlineExceeded)
	blocked := make(chan error, 2)
	for range 2 { // one waits for the queue, the other for the first one
		go func() { blocked <- s.SendToSecond(t.Context(), line(1)) }()
	}
	require.Eventually(t, func() bool { return len(s.second) == 0 }, 10*time.Second, time.Millisecond)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	require.ErrorIs(t, <-blocked, ErrServerClosed)
	require.ErrorIs(t, <-blocked, ErrServerClosed)
	require.NoError(t, <-closed)
	require.ErrorIs(t, s.SendToSecond(t.Context(), line(1)), ErrServerClosed)
}
