package falcogrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// secondReader is another client of a Server's queue, as somebody else's who
// reads the same Falco. It is a gRPC client that calls the outputs service's get,
// over a connection in memory: on the server's own address it would need a
// certificate that the server does not have, and which of two clients gets a
// message there is a race. Its messages are kept for it in the queue instead.
type secondReader struct {
	grpc   *grpc.Server
	conn   *grpc.ClientConn
	served chan struct{} // closed when Serve has returned
}

// secondBuffer is the size of the connection's buffers in bytes.
const secondBuffer = 64 << 10

func newSecondReader(s *Server) (*secondReader, error) {
	listener := bufconn.Listen(secondBuffer)
	options := append(dialOptions(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///second", options...)
	if err != nil {
		return nil, fmt.Errorf("connect the second reader: %w", err)
	}
	r := &secondReader{
		grpc:   grpc.NewServer(grpc.ForceServerCodecV2(codec{})),
		conn:   conn,
		served: make(chan struct{}),
	}
	outputs.RegisterServiceServer(r.grpc, secondService{s: s})
	go func() {
		defer close(r.served)
		_ = r.grpc.Serve(listener) // it ends with close, and a client that is not served says so
	}()
	return r, nil
}

// close ends the connection.
func (r *secondReader) close() {
	_ = r.conn.Close() // it only says that it was closed before
	r.grpc.Stop()
	<-r.served
}

// get takes all that is kept for the second reader, and returns how much it was.
func (r *secondReader) get(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := outputs.NewServiceClient(r.conn).Get(ctx, &outputs.Request{})
	if err != nil {
		return 0, err
	}
	for {
		_, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
		n++
	}
}

// secondService is the outputs service as the second reader has it.
type secondService struct {
	outputs.UnimplementedServiceServer
	s *Server
}

// Get is for gRPC.
func (v secondService) Get(_ *outputs.Request, stream outputs.Service_GetServer) error {
	return v.s.sendAll(stream, true)
}

// SendToSecond queues a message as Send does, for another client of the same
// output: Falco gives each message to one of its clients only, and the one that is
// connected never sees this one. It returns once that client has it, and blocks
// while the queue is full, until ctx ends.
func (s *Server) SendToSecond(ctx context.Context, line []byte) error {
	b, err := encode(line)
	if err != nil {
		return err
	}
	var r *secondReader
	select {
	case r = <-s.second:
	case <-s.closing:
		return ErrServerClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.second <- r }()
	if r == nil {
		if r, err = newSecondReader(s); err != nil {
			return err
		}
	}
	if err := s.queue.push(ctx, queued{response: b, second: true}, s.capacity); err != nil {
		return err
	}
	switch n, err := r.get(ctx); {
	case err != nil:
		return fmt.Errorf("the second reader did not get a message: %w", err)
	case n == 0:
		return ErrServerClosed // nothing else takes what is kept for it
	}
	return nil
}
