package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/falcogate/falcogate/consumer/falcogrpc"
	"github.com/falcogate/falcogate/consumer/falcohttp"
	"github.com/falcogate/falcogate/consumer/replay"
)

// replayTarget is where a replay goes.
type replayTarget interface {
	replay.Sink
	// finish waits until all that was sent has arrived.
	finish(ctx context.Context) error
	close() error
}

// grpcTarget plays Falco's gRPC server.
type grpcTarget struct{ server *falcogrpc.Server }

func (o *replayOptions) serveGRPC() (replayTarget, error) {
	var config *tls.Config
	if !strings.HasPrefix(o.grpc, "unix:") {
		if o.tls.cert == "" || o.tls.ca == "" {
			return nil, errors.New("--grpc at host:port needs --tls-cert, --tls-key and --tls-ca: Falco demands mutual TLS there")
		}
		var err error
		if config, err = o.tls.server(); err != nil {
			return nil, err
		}
	}
	server, err := falcogrpc.NewServer(falcogrpc.ServerOptions{Address: o.grpc, TLS: config})
	if err != nil {
		return nil, err
	}
	if o.addressFile != "" {
		// Renamed into place, so that whoever waits for it reads all of it.
		temporary := o.addressFile + ".new"
		err := os.WriteFile(temporary, []byte(server.Addr().String()+"\n"), 0o600)
		if err == nil {
			err = os.Rename(temporary, o.addressFile)
		}
		if err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	o.play.SecondReader = secondReader{server}
	return grpcTarget{server}, nil
}

func (t grpcTarget) Send(ctx context.Context, m replay.Message) error {
	if m.JSON == nil {
		return errors.New("a text line holds no fields, which Falco's gRPC output has: play it with --http")
	}
	return t.server.Send(ctx, m.JSON)
}

func (t grpcTarget) finish(ctx context.Context) error { return t.server.Drain(ctx) }
func (t grpcTarget) close() error                     { return t.server.Close() }

// secondReader is another client of the same Falco. It gets alerts alone, and
// those are JSON.
type secondReader struct{ server *falcogrpc.Server }

func (r secondReader) Send(ctx context.Context, m replay.Message) error {
	return r.server.SendToSecond(ctx, m.JSON)
}

// httpTarget plays Falco's HTTP output.
type httpTarget struct {
	poster *falcohttp.Poster
	// refused are answers other than 200. Falco does not look at them; whoever
	// replays wants to know.
	refused int
	first   error
}

func (o *replayOptions) postHTTP() (replayTarget, error) {
	config, err := o.tls.client()
	if err != nil {
		return nil, err
	}
	poster, err := falcohttp.NewPoster(falcohttp.PosterOptions{URL: o.http, TLS: config})
	if err != nil {
		return nil, err
	}
	return &httpTarget{poster: poster}, nil
}

func (t *httpTarget) Send(ctx context.Context, m replay.Message) error {
	contentType, body := "application/json", m.JSON
	if body == nil {
		contentType, body = "text/plain", m.Text
	}
	err := t.poster.Post(ctx, contentType, body)
	var refused *falcohttp.AnswerError
	if errors.As(err, &refused) {
		if t.refused++; t.first == nil {
			t.first = err
		}
		return nil
	}
	return err
}

func (t *httpTarget) finish(context.Context) error {
	if t.refused > 0 {
		return fmt.Errorf("%d messages were not taken; the first: %w", t.refused, t.first)
	}
	return nil
}

func (t *httpTarget) close() error {
	t.poster.Close()
	return nil
}
