package main

import (
	"fmt"

	"google.golang.org/grpc/mem" //nolint:depguard // the benchmark has both ends of gRPC, with and without decoding
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

// unread is a message that is kept as it is.
type unread struct{ data []byte }

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
	if v, ok := v.(*unread); ok {
		v.data = data.Materialize()
		return nil
	}
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
