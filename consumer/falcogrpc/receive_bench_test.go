package falcogrpc

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// endless sends one message over and over: all that a stream takes.
type endless struct {
	outputs.UnimplementedServiceServer
	message frame
}

func (e endless) Sub(stream outputs.Service_SubServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	for {
		if err := stream.SendMsg(e.message); err != nil {
			return err
		}
	}
}

// Where a process of this test binary serves endless, and what it sends, in
// hexadecimal. It is a process of its own so that its allocations are not
// counted.
const (
	endlessSocket  = "FALCOGATE_TEST_ENDLESS_SOCKET"
	endlessMessage = "FALCOGATE_TEST_ENDLESS_MESSAGE"
)

// serveEndless serves until standard input ends.
func serveEndless(path, message string) error {
	b, err := hex.DecodeString(message)
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(codec{}))
	outputs.RegisterServiceServer(s, endless{message: b})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		s.Stop()
	}()
	return s.Serve(l)
}

// bytesOnly is a codec that hands out the message's bytes and looks at nothing.
type bytesOnly struct{ codec }

func (bytesOnly) Unmarshal(data mem.BufferSlice, v any) error {
	v.(*received).raw = data.Materialize()
	return nil
}

// BenchmarkReceive receives one stream over a unix socket as bytes, and one with
// Decode. How they compare depends on what else the cores have to do: two of them
// are full with sending and receiving alone.
func BenchmarkReceive(b *testing.B) {
	for name, message := range samples(b) {
		address := startEndless(b, message)
		bare := subscribe(b, address, grpc.ForceCodecV2(bytesOnly{}))
		decoded := subscribe(b, address, grpc.ForceCodecV2(codec{}))
		for by, from := range map[string]grpc.ClientStream{"bytes": bare, "decode": decoded} {
			b.Run(name+"/"+by, func(b *testing.B) {
				b.SetBytes(int64(len(message)))
				b.ReportAllocs()
				var m received
				for b.Loop() {
					read(b, from, 1, &m)
				}
			})
		}
		// By turns, so that what else the machine does hits both.
		b.Run(name+"/ratio", func(b *testing.B) {
			// A daemon holds an index of this size and more; in an empty process
			// the garbage collector would run a hundred times a second.
			index := make([]byte, 64<<20)
			defer runtime.KeepAlive(index)
			const turn = 20_000
			var bareTime, decodedTime time.Duration
			var m received
			n := 0
			for b.Loop() {
				bareTime += read(b, bare, turn, &m)
				decodedTime += read(b, decoded, turn, &m)
				n += turn
			}
			b.ReportMetric(float64(n)/bareTime.Seconds(), "bytes-msg/s")
			b.ReportMetric(float64(n)/decodedTime.Seconds(), "decode-msg/s")
			b.ReportMetric(bareTime.Seconds()/decodedTime.Seconds(), "ratio")
		})
	}
}

// startEndless starts a process that serves endless, and returns its address.
func startEndless(b *testing.B, message []byte) string {
	b.Helper()
	address := socket(b)
	cmd := exec.CommandContext(context.Background(), os.Args[0]) // it ends with its standard input
	cmd.Env = append(os.Environ(), endlessSocket+"="+strings.TrimPrefix(address, "unix://"), endlessMessage+"="+hex.EncodeToString(message))
	stdin, err := cmd.StdinPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		require.NoError(b, stdin.Close())
		require.NoError(b, cmd.Wait())
	})
	return address
}

func subscribe(b *testing.B, address string, option grpc.CallOption) grpc.ClientStream {
	b.Helper()
	conn, err := grpc.NewClient(address, dialOptions(insecure.NewCredentials())...)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, conn.Close()) })
	sub, err := conn.NewStream(context.Background(), &outputs.Service_ServiceDesc.Streams[0], // it ends with its connection
		outputs.Service_Sub_FullMethodName, option, grpc.WaitForReady(true))
	require.NoError(b, err)
	require.NoError(b, sub.SendMsg(frame(nil)))
	read(b, sub, 10_000, &received{})
	return sub
}

// read receives n messages into m and returns how long it took.
func read(b *testing.B, from grpc.ClientStream, n int, m *received) time.Duration {
	began := time.Now()
	for range n {
		if err := from.RecvMsg(m); err != nil {
			b.Fatal(err)
		}
		if m.err != nil {
			b.Fatal(m.err)
		}
	}
	return time.Since(began)
}
