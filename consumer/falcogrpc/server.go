package falcogrpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/api/version"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// ErrServerClosed is returned by a Server's methods after Close.
var ErrServerClosed = errors.New("the gRPC server is closed")

// closeTimeout bounds how long Close waits for streams to take their end.
const closeTimeout = 2 * time.Second

// ServerOptions configure a Server.
type ServerOptions struct {
	// Address is "unix:///path" or "host:port"; port 0 means any. A socket that
	// is left over at the path is removed. Not used with a Listener.
	Address string
	// Listener, when set, is served instead, and closed by Close.
	Listener net.Listener
	// TLS is needed on TCP. Falco demands client certificates there.
	TLS *tls.Config
	// Version is what the version service tells. Empty means "0.43.1".
	Version string
	// Capacity is how many messages may be queued before Send blocks. Zero
	// means no limit, as in Falco.
	Capacity int
}

// Server plays Falco's gRPC server: the outputs and the version service, with
// one queue from which each message goes to exactly one subscriber. All methods
// may be called concurrently.
type Server struct {
	outputs.UnimplementedServiceServer

	queue    *queue
	capacity int
	version  string
	address  net.Addr
	grpc     *grpc.Server
	second   chan *secondReader // holds one, nil before it is needed; empty while it is used, and after Close
	closing  chan struct{}
	once     sync.Once
	served   chan struct{} // closed when Serve has returned
	err      error         // from Serve; read after served
}

// NewServer listens and serves in the background until Close.
func NewServer(o ServerOptions) (*Server, error) {
	listener, creds, err := o.listen()
	if err != nil {
		return nil, err
	}
	if o.Version == "" {
		o.Version = "0.43.1"
	}
	s := &Server{
		queue:    newQueue(),
		capacity: o.Capacity,
		version:  o.Version,
		address:  listener.Addr(),
		grpc:     grpc.NewServer(append(creds, grpc.ForceServerCodecV2(codec{}))...),
		second:   make(chan *secondReader, 1),
		closing:  make(chan struct{}),
		served:   make(chan struct{}),
	}
	s.second <- nil
	outputs.RegisterServiceServer(s.grpc, s)
	version.RegisterServiceServer(s.grpc, versionService{s: s})
	go func() {
		defer close(s.served)
		s.err = s.grpc.Serve(listener)
	}()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.address }

// Send queues one message: a line as Falco writes it to a file with
// json_output: true, which becomes the response that Falco with this setting
// would send. It blocks while the queue is full, until ctx ends. The error may
// be a *consumer.MalformedError.
func (s *Server) Send(ctx context.Context, line []byte) error {
	b, err := encode(line)
	if err != nil {
		return err
	}
	return s.queue.push(ctx, queued{response: b}, s.capacity)
}

// encode makes a line the response that is sent.
func encode(line []byte) ([]byte, error) {
	r, err := responseOf(line)
	if err != nil {
		return nil, err
	}
	b, err := proto.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode a response: %w", err)
	}
	return b, nil
}

// Drain waits until all that was queued has been taken by subscribers and
// written to their streams, or ctx ends. Close then delivers what is written,
// as long as the subscriber reads.
func (s *Server) Drain(ctx context.Context) error { return s.queue.drained(ctx) }

// Close stops the server as Falco stops: what is still queued is lost, streams
// end without an error once they have delivered what was taken, for two seconds
// at most. Calling it again does nothing.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.queue.close()
		close(s.closing)
		if r := <-s.second; r != nil {
			r.close()
		}
		force := time.AfterFunc(closeTimeout, s.grpc.Stop)
		s.grpc.GracefulStop()
		force.Stop()
	})
	<-s.served
	if s.err != nil && !errors.Is(s.err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC: %w", s.err)
	}
	return nil
}

// Sub sends all that is queued, then waits for the client's next request: a
// client that sends none gets nothing more. It is for gRPC.
func (s *Server) Sub(stream outputs.Service_SubServer) error {
	requests := make(chan struct{})
	go func() {
		defer close(requests)
		for {
			if _, err := stream.Recv(); err != nil {
				return // the client sends no more, or is gone
			}
			select {
			case requests <- struct{}{}:
			case <-stream.Context().Done():
				return
			}
		}
	}()
	for {
		select {
		case _, more := <-requests:
			if !more {
				return nil
			}
		case <-s.closing:
			return nil
		}
		if err := s.sendAll(stream, false); err != nil {
			return err
		}
	}
}

// Get sends all that is queued and ends. It is for gRPC.
func (s *Server) Get(_ *outputs.Request, stream outputs.Service_GetServer) error {
	return s.sendAll(stream, false)
}

// sendAll empties the queue of what the second reader, or anybody else, may have
// into a stream. What was taken and can't be sent is lost, as in Falco.
func (s *Server) sendAll(stream grpc.ServerStream, second bool) error {
	for {
		item, ok := s.queue.take(second)
		if !ok {
			return nil
		}
		err := stream.SendMsg(frame(item))
		s.queue.delivered()
		if err != nil {
			return err
		}
	}
}

// versionService tells Falco's version.
type versionService struct {
	version.UnimplementedServiceServer
	s *Server
}

func (v versionService) Version(context.Context, *version.Request) (*version.Response, error) {
	r := &version.Response{Version: v.s.version}
	// What is no such version leaves its parts at zero.
	_, _ = fmt.Sscanf(v.s.version, "%d.%d.%d", &r.Major, &r.Minor, &r.Patch)
	return r, nil
}
