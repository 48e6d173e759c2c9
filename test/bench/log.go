package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/consumer/falcogrpc"
	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
	"github.com/falcogate/falcogate/verifier"
)

// taken is how many alerts one turn of the whole way takes.
const taken = 100_000

// logRows compare with bare publishing, which is the goal, and with the least that
// anything must do on the same way: how far the goal can be reached.
func logRows() []comparison {
	return []comparison{
		{
			name: "gRPC to acknowledged in the log to indexed", ours: "falcogate", other: "bare publishing", unit: "alerts/s",
			goal: "≥ 0.6", rounds: 5, open: openWays(publishing), met: atLeast(0.6),
		},
		{
			name: "gRPC to acknowledged in the log to indexed", ours: "falcogate", other: "passed through unread", unit: "alerts/s",
			goal: "printed", rounds: 5, open: openWays(passing),
		},
		rebuilding(),
	}
}

// ways are two ways for the same alerts: that from Falco through the log into the
// index, and another.
type ways struct {
	messages []message
	other    func(context.Context, []message) (time.Duration, error)
}

func openWays(other func(context.Context, []message) (time.Duration, error)) func(context.Context) (pair, error) {
	return func(context.Context) (pair, error) {
		messages, err := recorded(false)
		return ways{messages, other}, err
	}
}

func (ways) close() error { return nil }

func (w ways) round(ctx context.Context) (figures, error) {
	ours, err := falcogate(ctx)
	if err != nil {
		return figures{}, err
	}
	theirs, err := w.other(ctx, w.messages)
	return figures{ours: rate(taken, ours), other: rate(taken, theirs), note: fmt.Sprintf("%d alerts", taken)}, err
}

// falcogate reads the alerts from a Falco until all are acknowledged and in the
// index. The time begins when Falco is first asked.
func falcogate(ctx context.Context) (took time.Duration, err error) {
	f, err := startFalco(ctx, taken, false, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	l, err := openScratchLog(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	intake, err := consumer.NewIntake(consumer.IntakeOptions{Log: l, Logger: quiet})
	if err != nil {
		return 0, err
	}
	reader, err := falcogrpc.NewReader(falcogrpc.ReaderOptions{Target: f.target, Intake: intake, Log: l, Logger: quiet})
	if err != nil {
		return 0, err
	}
	tail := startTail(l)
	defer func() { err = errors.Join(err, tail.stop()) }()
	reading := start(reader.Run)
	// The reader ends well only when the log has acknowledged all.
	err = errors.Join(tail.reached(ctx, taken), reading.stop())
	end := time.Now()
	asked, e := f.said()
	return end.Sub(asked), errors.Join(err, e)
}

// background is something that runs until it is stopped.
type background struct {
	cancel context.CancelFunc
	ended  chan error
}

func start(run func(context.Context) error) *background {
	ctx, cancel := context.WithCancel(context.Background())
	b := &background{cancel: cancel, ended: make(chan error, 1)}
	go func() { b.ended <- run(ctx) }()
	return b
}

func (b *background) stop() error {
	b.cancel()
	return <-b.ended
}

// tail is the verifier's, with the daemon's limits.
type tail struct {
	*background
	*verifier.Tail
}

func startTail(l *scratchLog) tail {
	t := verifier.NewTail(verifier.TailOptions{
		Log: l, Limits: correlate.Limits{Retention: eventlog.DefaultRetention, MaxBytes: 1 << 30}, Logger: quiet,
	})
	return tail{start(t.Run), t}
}

// reached waits until n alerts are read, and makes sure that the index has them.
func (t tail) reached(ctx context.Context, n uint64) error {
	if err := t.WaitFor(ctx, n); err != nil {
		return err
	}
	var have uint64
	t.View(func(state *correlate.State, _ uint64) { have = state.Index().Stats().Alerts })
	if have != n {
		return fmt.Errorf("the index has %d alerts of %d", have, n)
	}
	return nil
}
