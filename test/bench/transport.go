package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs" //nolint:depguard // as in codec.go
	"google.golang.org/grpc"                             //nolint:depguard // as in codec.go
	"google.golang.org/grpc/credentials/insecure"        //nolint:depguard // as in codec.go
)

// mostAllocations is the goal for decoding one message.
const mostAllocations = 6

// received is how many messages one turn of the gRPC rows receives.
const received = 40_000

func transportRows() []comparison {
	return append([]comparison{receiving("json_output false", false), receiving("json_output true", true)}, postRows()...)
}

func receiving(settings string, document bool) comparison {
	return comparison{
		name: "gRPC: receive and decode, " + settings, ours: "decoded", other: "bytes only", unit: "messages/s",
		goal:   fmt.Sprintf("≥ 0.8, ≤ %d allocations", mostAllocations),
		rounds: 15,
		open:   func(ctx context.Context) (pair, error) { return openReceivers(ctx, document) },
		met:    func(f figures) bool { return f.ratio() >= 0.8 && f.allocations <= mostAllocations },
	}
}

// receivers are two ways to receive what one Falco sends.
type receivers struct {
	falco *falco
	conn  *grpc.ClientConn
}

func openReceivers(ctx context.Context, document bool) (pair, error) {
	f, err := startFalco(ctx, received, document, true)
	if err != nil {
		return nil, err
	}
	conn, err := connect(f.target)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return &receivers{falco: f, conn: conn}, nil
}

// connect makes a connection like the Reader's.
func connect(target string) (*grpc.ClientConn, error) {
	const window = 256 << 10
	return grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableServiceConfig(),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window))
}

// subscribe opens a stream and asks, once.
func subscribe(ctx context.Context, conn *grpc.ClientConn) (grpc.ClientStream, error) {
	stream, err := conn.NewStream(ctx, &outputs.Service_ServiceDesc.Streams[0], outputs.Service_Sub_FullMethodName, grpc.ForceCodecV2(codec{}))
	if err != nil {
		return nil, err
	}
	return stream, errors.Join(stream.SendMsg(frame(nil)), stream.CloseSend())
}

func (r *receivers) close() error { return errors.Join(r.conn.Close(), r.falco.close()) }

func (r *receivers) round(ctx context.Context) (figures, error) {
	var message decoded
	alerts, ours, err := r.receive(ctx, &message, func() (int, error) {
		if message.err != nil {
			return 0, message.err
		}
		return message.size, nil
	})
	if err != nil {
		return figures{}, err
	}
	var raw bytesOnly
	bytes, theirs, err := r.receive(ctx, &raw, func() (int, error) { return raw.size, nil })
	if err != nil {
		return figures{}, err
	}
	if alerts.bytes != bytes.bytes {
		return figures{}, fmt.Errorf("one received %d bytes, the other %d", alerts.bytes, bytes.bytes)
	}
	n := r.falco.n
	per := func(allocations uint64) float64 { return float64(allocations) / float64(n) }
	f := figures{
		ours: rate(n, ours), other: rate(n, theirs),
		allocations: per(alerts.allocations) - per(bytes.allocations),
	}
	f.note = fmt.Sprintf("%d B a message; %.1f allocations, without decoding %.1f",
		alerts.bytes/n, per(alerts.allocations), per(bytes.allocations))
	return f, nil
}

// receipt is what came of one stream.
type receipt struct {
	bytes       int
	allocations uint64 // of the whole process
}

// receive subscribes, asks once, and receives all messages into one value, whose
// size a function tells. The time is from the question to the last message.
func (r *receivers) receive(ctx context.Context, into any, size func() (int, error)) (got receipt, took time.Duration, err error) {
	before := allocations()
	stream, err := subscribe(ctx, r.conn)
	if err != nil {
		return got, 0, err
	}
	n := 0
	for ; ; n++ {
		if err = stream.RecvMsg(into); err != nil {
			break
		}
		one, err := size()
		if err != nil {
			return got, 0, err
		}
		got.bytes += one
	}
	end := time.Now()
	got.allocations = allocations() - before
	if !errors.Is(err, io.EOF) {
		return got, 0, err
	}
	if n != r.falco.n {
		return got, 0, fmt.Errorf("received %d messages of %d", n, r.falco.n)
	}
	asked, err := r.falco.said()
	return got, end.Sub(asked), err
}

// allocations is how many objects were ever allocated.
func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
