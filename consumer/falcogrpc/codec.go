package falcogrpc

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// codec is protobuf's codec, but for two kinds of message: it decodes a received
// in gRPC's own buffer, without a copy and without client-go's type between, and
// sends a frame as it is.
type codec struct{}

// frame is a message that is encoded already.
type frame []byte

// received is what became of one response.
type received struct {
	alert *correlate.Alert
	err   error  // from Decode; the stream goes on
	raw   []byte // the beginning of a message that could not be decoded
	size  int
}

// Name is that of protobuf's codec: it is part of the content type.
func (codec) Name() string { return "proto" }

// Marshal is for gRPC.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	switch v := v.(type) {
	case frame:
		return mem.BufferSlice{mem.SliceBuffer(v)}, nil
	case proto.Message:
		b, err := proto.Marshal(v)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err
	}
	return nil, fmt.Errorf("grpc codec: can't encode %T", v)
}

// Unmarshal is for gRPC. What can't be decoded as a response is no error here: it
// would end the stream, and with it lose what is behind.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	// Nearly always one buffer, which is not copied.
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	switch v := v.(type) {
	case *received:
		raw := b.ReadOnlyData()
		v.size, v.raw = len(raw), nil
		if v.alert, v.err = Decode(raw); v.err != nil {
			v.raw = append([]byte(nil), raw[:min(len(raw), correlate.MalformedRawBytes)]...)
		}
		return nil
	case proto.Message:
		return proto.Unmarshal(b.ReadOnlyData(), v)
	}
	return fmt.Errorf("grpc codec: can't decode into %T", v)
}

// message is what the intake is told of r besides its alert.
func (r *received) message(target string) consumer.Message {
	return consumer.Message{Transport: consumer.TransportGRPC, Peer: target, Raw: r.raw, Size: r.size}
}
