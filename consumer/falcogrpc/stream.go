package falcogrpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/api/version"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

const (
	// maxMessageBytes is the largest response that is received. Falco's have up
	// to 20 kB; a larger one than this ends the stream.
	maxMessageBytes = 64 << 20
	// windowBytes is how much may be in flight. It is fixed, since what is in
	// flight is lost when this process dies, and since gRPC would measure with
	// pings how much more would do.
	windowBytes = 256 << 10
	// Falco's gRPC server ends a connection that is pinged more often than every
	// five minutes. A dead peer is found sooner: requests go out all the time, and
	// gRPC sets TCP_USER_TIMEOUT to peerTimeout, after which what was sent must be
	// acknowledged.
	pingInterval = 6 * time.Minute
	peerTimeout  = 20 * time.Second
	// versionTimeout bounds the first call, and with it the connecting.
	versionTimeout = 10 * time.Second
)

func dialOptions(creds credentials.TransportCredentials) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: peerTimeout}),
		grpc.WithInitialWindowSize(windowBytes),
		grpc.WithInitialConnWindowSize(windowBytes),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
	}
}

// stream is one connection with one subscription.
type stream struct {
	reader    *Reader
	lane      *lane
	connected bool
	messages  int
	draining  int          // of these, those that came after the end was asked for
	left      bool         // something was left behind at the end that was asked for
	steps     atomic.Int64 // grows with each message when it comes and when it is handed on: odd in between
}

// run connects, subscribes and hands on all that comes, until the stream ends or
// ctx does. Then it stops asking and takes what is in flight: until nothing has
// come for DrainTimeout, or DrainTimeout after held has ended as well. The error
// says why the stream ended, and is never nil before ctx ended; after, it is nil
// when nothing was left behind.
func (s *stream) run(ctx, held context.Context) error {
	r := s.reader
	conn, err := grpc.NewClient(r.target.dial, r.options...)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close() //nolint:errcheck // it only says that it was closed before
	if err := s.hello(ctx, conn); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}

	// The stream outlives ctx by the drain.
	streamCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	sub, err := conn.NewStream(streamCtx, &outputs.Service_ServiceDesc.Streams[0], outputs.Service_Sub_FullMethodName,
		grpc.ForceCodecV2(codec{}))
	if err != nil {
		cancel(nil)
		return fmt.Errorf("subscribe: %w", err)
	}
	s.connected = true
	r.metrics.connected.Set(1)
	defer r.metrics.connected.Set(0)
	var helpers sync.WaitGroup
	helpers.Go(func() { s.ask(ctx, sub) })
	helpers.Go(func() { s.drainClock(ctx, held, streamCtx, cancel) })
	err = s.receive(ctx, streamCtx, sub)
	timedOut := errors.Is(context.Cause(streamCtx), errDrainTimeout)
	cancel(nil)
	helpers.Wait()
	return s.ending(ctx, timedOut, err)
}

// receive hands on all that comes, until the stream ends or a message can't be
// handed on. While the log is away the lane blocks; then nothing is received, and
// by gRPC's flow control Falco's queue holds what comes.
func (s *stream) receive(ctx, streamCtx context.Context, sub grpc.ClientStream) error {
	var m received
	for {
		if err := sub.RecvMsg(&m); err != nil {
			return err
		}
		s.messages++
		if ctx.Err() != nil {
			s.draining++
		}
		s.reader.metrics.messages.Inc()
		s.steps.Add(1)
		err := s.lane.accept(streamCtx, &m)
		s.steps.Add(1)
		if err != nil {
			return err
		}
	}
}

// ask sends an empty request on each tick until ctx or the stream ends; Falco
// answers each with all that it has. At the end it says that no more come.
func (s *stream) ask(ctx context.Context, sub grpc.ClientStream) {
	tick := time.NewTicker(s.reader.o.RequestInterval)
	defer tick.Stop()
	for {
		// It blocks while Falco reads no requests, as it does while it sends.
		if err := sub.SendMsg(frame(nil)); err != nil {
			return // the stream has ended, and receive learns why
		}
		select {
		case <-tick.C:
		case <-sub.Context().Done():
			return
		case <-ctx.Done():
			// It fails only when the stream has ended.
			_ = sub.CloseSend()
			return
		}
	}
}

// hello calls the version service, once per connection: it shows that Falco is
// there before the subscription takes its alerts.
func (s *stream) hello(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	v, err := version.NewServiceClient(conn).Version(ctx, &version.Request{})
	switch {
	case err == nil:
		s.reader.logger.LogAttrs(ctx, slog.LevelInfo, "connected to Falco", slog.String("version", v.GetVersion()))
	case status.Code(err) == codes.Unimplemented:
		s.reader.logger.LogAttrs(ctx, slog.LevelInfo, "connected to Falco, which does not tell its version")
	default:
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}
