package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// publishing publishes what the event log would hold of the alerts, and nothing
// else: the goal is measured against it.
func publishing(ctx context.Context, messages []message) (took time.Duration, err error) {
	all, err := encodeAll(messages, taken, distinct())
	if err != nil {
		return 0, err
	}
	b, err := openBareStream(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	begin := time.Now()
	if err := b.publish(ctx, all); err != nil {
		return 0, err
	}
	took = time.Since(begin)
	return took, b.check(ctx, taken)
}

// passing receives the alerts from Falco, publishes them and reads them back, and
// looks at none: the least that the way from Falco through the log can cost.
func passing(ctx context.Context, _ []message) (took time.Duration, err error) {
	f, err := startFalco(ctx, taken, false, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	conn, err := connect(f.target)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	b, err := openBareStream(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	reading := make(chan error, 1)
	go func() { reading <- b.discard(ctx, taken) }()
	stream, err := subscribe(ctx, conn)
	if err != nil {
		return 0, err
	}
	for i := 0; ; i++ {
		var m unread
		if err := stream.RecvMsg(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, err
		}
		if _, err := b.js.PublishAsync(bareSubject, m.data, jetstream.WithMsgID(strconv.Itoa(i)), jetstream.WithStallWait(time.Minute)); err != nil {
			return 0, err
		}
	}
	if err := errors.Join(b.published(ctx), <-reading); err != nil {
		return 0, err
	}
	end := time.Now()
	asked, err := f.said()
	return end.Sub(asked), errors.Join(err, b.check(ctx, taken))
}

// discard reads n messages with an ordered consumer.
func (b *bareStream) discard(ctx context.Context, n int) error {
	consumer, err := b.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	all := make(chan struct{})
	seen := 0
	reading, err := consumer.Consume(func(jetstream.Msg) {
		if seen++; seen == n {
			close(all)
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-all:
	case <-ctx.Done():
		err = ctx.Err()
	}
	reading.Stop()
	<-reading.Closed()
	return err
}

// published waits until all that was published is acknowledged.
func (b *bareStream) published(ctx context.Context) error {
	select {
	case <-b.js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-b.failed:
		return err
	default:
		return nil
	}
}

// check makes sure that the stream has n messages.
func (b *bareStream) check(ctx context.Context, n int) error {
	info, err := b.stream.Info(ctx)
	if err == nil && info.State.Msgs != uint64(n) {
		err = fmt.Errorf("the bare stream has %d messages of %d", info.State.Msgs, n)
	}
	return err
}
