package falcogrpc

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/api/version"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/falcogate/falcogate/consumer"
)

// falcoClient is client-go's generated client, over a unix socket.
func falcoClient(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// next receives one response and returns its number.
func next(t *testing.T, from interface {
	Recv() (*outputs.Response, error)
}) int {
	t.Helper()
	r, err := from.Recv()
	require.NoError(t, err)
	return int(r.Time.Nanos)
}

func TestServerTellsItsVersion(t *testing.T) {
	for have, want := range map[string][3]uint32{"": {0, 43, 1}, "0.42.0-rc1": {0, 42, 0}, "x": {}} {
		address := socket(t)
		serve(t, ServerOptions{Address: address, Version: have})
		v, err := version.NewServiceClient(falcoClient(t, address)).Version(t.Context(), &version.Request{})
		require.NoError(t, err)
		require.Equal(t, want, [3]uint32{v.Major, v.Minor, v.Patch})
		require.True(t, strings.HasPrefix(v.Version, have))
	}
}

func TestGetTakesAllAndEnds(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	client := outputs.NewServiceClient(falcoClient(t, address))
	send(t, s, 0, 10)
	get, err := client.Get(t.Context(), &outputs.Request{})
	require.NoError(t, err)
	for n := range 10 {
		require.Equal(t, n, next(t, get))
	}
	_, err = get.Recv()
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, s.Drain(t.Context()))

	get, err = client.Get(t.Context(), &outputs.Request{})
	require.NoError(t, err)
	_, err = get.Recv()
	require.ErrorIs(t, err, io.EOF, "nothing is left for a second")
}

// A request is answered with all that is queued; without another one, nothing
// more comes.
func TestSubWaitsForTheNextRequest(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	sub, err := outputs.NewServiceClient(falcoClient(t, address)).Sub(t.Context())
	require.NoError(t, err)
	send(t, s, 0, 2)
	require.NoError(t, sub.Send(&outputs.Request{}))
	require.Equal(t, 0, next(t, sub))
	require.Equal(t, 1, next(t, sub))
	require.NoError(t, s.Drain(t.Context()))

	send(t, s, 2, 4)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Drain(short), context.DeadlineExceeded, "taken without a request")
	require.NoError(t, sub.Send(&outputs.Request{}))
	require.Equal(t, 2, next(t, sub))
	require.Equal(t, 3, next(t, sub))

	require.NoError(t, sub.CloseSend())
	_, err = sub.Recv()
	require.ErrorIs(t, err, io.EOF)
}

// Two subscribers of one Falco share its alerts.
func TestEachMessageGoesToOneSubscriber(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	got := make(chan int)
	for range 2 {
		sub, err := outputs.NewServiceClient(falcoClient(t, address)).Sub(t.Context())
		require.NoError(t, err)
		// A request that finds the queue empty brings nothing, so they go on.
		go func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for sub.Send(&outputs.Request{}) == nil {
				select {
				case <-tick.C:
				case <-sub.Context().Done():
					return
				}
			}
		}()
		go func() {
			for {
				r, err := sub.Recv()
				if err != nil {
					return
				}
				select {
				case got <- int(r.Time.Nanos):
				case <-sub.Context().Done():
					return
				}
			}
		}()
	}
	seen := make(map[int]int)
	send(t, s, 0, 500)
	for range 500 {
		seen[<-got]++
	}
	require.Len(t, seen, 500)
	for n, times := range seen {
		require.Equal(t, 1, times, n)
	}
}

// Close ends streams without an error, after what they took.
func TestCloseEndsStreams(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	sub, err := outputs.NewServiceClient(falcoClient(t, address)).Sub(t.Context())
	require.NoError(t, err)
	send(t, s, 0, 1000)
	require.NoError(t, sub.Send(&outputs.Request{}))
	require.Equal(t, 0, next(t, sub))
	closed := make(chan error, 1)
	go func() {
		err := s.Drain(t.Context())
		closed <- errors.Join(err, s.Close())
	}()
	for n := 1; n < 1000; n++ {
		require.Equal(t, n, next(t, sub))
	}
	_, err = sub.Recv()
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, <-closed)
	require.ErrorIs(t, s.Send(t.Context(), line(1)), ErrServerClosed)
	require.ErrorIs(t, s.Drain(t.Context()), ErrServerClosed)
	require.NoError(t, s.Close())
}

// A subscriber that does not read holds up Close for a bounded time only.
func TestCloseIsBounded(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address})
	sub, err := outputs.NewServiceClient(falcoClient(t, address)).Sub(t.Context())
	require.NoError(t, err)
	send(t, s, 0, 20_000)
	require.NoError(t, sub.Send(&outputs.Request{}))
	require.Equal(t, 0, next(t, sub))
	began := time.Now()
	require.NoError(t, s.Close())
	require.Less(t, time.Since(began), closeTimeout+5*time.Second)
}

func TestSendBlocksAtCapacity(t *testing.T) {
	address := socket(t)
	s := serve(t, ServerOptions{Address: address, Capacity: 2})
	send(t, s, 0, 2)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Send(short, line(2)), context.DeadlineExceeded)

	sent := make(chan error, 1)
	go func() { sent <- s.Send(t.Context(), line(2)) }()
	get, err := outputs.NewServiceClient(falcoClient(t, address)).Get(t.Context(), &outputs.Request{})
	require.NoError(t, err)
	require.Equal(t, 0, next(t, get))
	require.NoError(t, <-sent)
}

func TestSendRefusesWhatIsNoAlert(t *testing.T) {
	s := serve(t, ServerOptions{Address: socket(t)})
	var m *consumer.MalformedError
	require.ErrorAs(t, s.Send(t.Context(), []byte("06:26:40: Notice text")), &m)
	require.NoError(t, s.Drain(t.Context()))
}

func TestNewServerRefuses(t *testing.T) {
	file := strings.TrimPrefix(socket(t), "unix://")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	taken := socket(t)
	serve(t, ServerOptions{Address: taken})
	for want, o := range map[string]ServerOptions{
		"want unix:///path":   {},
		"want TLS":            {Address: "127.0.0.1:0"},
		"is there and no":     {Address: "unix://" + file},
		"another process":     {Address: taken},
		"no such file":        {Address: "unix:///nowhere/at/all.sock"},
		"an absolute path":    {Address: "unix:here.sock"},
		"at most 107 bytes":   {Address: "unix:///" + strings.Repeat("x", 107)},
		"cannot assign reque": {Address: "192.0.2.1:1", TLS: newAuthority(t).server(t)},
	} {
		_, err := NewServer(o)
		require.ErrorContains(t, err, want)
	}
}

// A socket that a killed process left behind is no obstacle.
func TestNewServerReplacesAStaleSocket(t *testing.T) {
	address := socket(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: strings.TrimPrefix(address, "unix://"), Net: "unix"})
	require.NoError(t, err)
	l.SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	s := serve(t, ServerOptions{Address: address})
	require.Equal(t, strings.TrimPrefix(address, "unix://"), s.Addr().String())
}

func TestNewServerServesAListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := serve(t, ServerOptions{Listener: l})
	_, err = version.NewServiceClient(falcoClient(t, s.Addr().String())).Version(t.Context(), &version.Request{})
	require.NoError(t, err)
}
