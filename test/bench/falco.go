package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/api/version"
	"google.golang.org/grpc"     //nolint:depguard // the benchmark plays Falco, which is faster than falcogrpc's Server
	"google.golang.org/grpc/mem" //nolint:depguard // as above
	"google.golang.org/protobuf/proto"

	"github.com/falcogate/falcogate/consumer/falcogrpc"
	"github.com/falcogate/falcogate/correlate"
)

// codec is that of falcogrpc's Reader, which keeps it to itself: what comes is
// decoded in gRPC's own buffer. It also receives a message as bytes only.
type codec struct{}

// frame is a message that is encoded already.
type frame mem.BufferSlice

// bytesOnly is a message of which nothing is wanted.
type bytesOnly struct{ size int }

// decoded is a message as the Reader has it.
type decoded struct {
	alert *correlate.Alert
	err   error
	size  int
}

// Name is that of protobuf's codec: it is part of the content type.
func (codec) Name() string { return "proto" }

// Marshal is for gRPC.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	switch v := v.(type) {
	case frame:
		return mem.BufferSlice(v), nil
	case proto.Message:
		b, err := proto.Marshal(v)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err
	}
	return nil, fmt.Errorf("can't encode %T", v)
}

// Unmarshal is for gRPC.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	raw := b.ReadOnlyData()
	switch v := v.(type) {
	case *bytesOnly:
		v.size = len(raw)
		return nil
	case *decoded:
		v.size = len(raw)
		v.alert, v.err = falcogrpc.Decode(raw)
		return nil
	case proto.Message:
		return proto.Unmarshal(raw, v)
	}
	return fmt.Errorf("can't decode into %T", v)
}

// falco plays Falco's gRPC server as fast as it goes: to whoever subscribes and
// asks it sends all messages there are, and ends when the subscriber asks no more.
type falco struct {
	outputs.UnimplementedServiceServer

	target   string
	messages []frame
	asked    chan time.Time // when a subscriber asked first
	server   *grpc.Server
	served   chan error
	dir      string
}

// startFalco serves messages on a unix socket.
func startFalco(ctx context.Context, messages []frame) (*falco, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "falco.sock")
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	f := &falco{
		target: "unix://" + path, dir: dir, messages: messages,
		asked: make(chan time.Time, 1), served: make(chan error, 1),
		server: grpc.NewServer(grpc.ForceServerCodecV2(codec{})),
	}
	outputs.RegisterServiceServer(f.server, f)
	version.RegisterServiceServer(f.server, falcoVersion{})
	go func() { f.served <- f.server.Serve(listener) }()
	return f, nil
}

func (f *falco) close() error {
	f.server.Stop()
	return errors.Join(<-f.served, os.RemoveAll(f.dir))
}

// falcoVersion tells the version of the last Falco that has gRPC.
type falcoVersion struct {
	version.UnimplementedServiceServer
}

// Version is for gRPC.
func (falcoVersion) Version(context.Context, *version.Request) (*version.Response, error) {
	return &version.Response{Version: "0.43.1", Minor: 43, Patch: 1}, nil
}

// Sub is for gRPC.
func (f *falco) Sub(stream outputs.Service_SubServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	f.asked <- time.Now()
	for _, m := range f.messages {
		if err := stream.SendMsg(m); err != nil {
			return err
		}
	}
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// framesOf are n responses, the messages in turns, each with its own time.
func framesOf(messages []message, n int, document bool, at func(i int) time.Time) ([]frame, error) {
	frames := make([]frame, n)
	for i := range frames {
		m := &messages[i%len(messages)]
		stamp, err := wireTime(at(i))
		if err != nil {
			return nil, err
		}
		rest := m.text
		if document {
			rest = m.document
		}
		frames[i] = frame{mem.SliceBuffer(stamp), mem.SliceBuffer(rest)}
	}
	return frames, nil
}
