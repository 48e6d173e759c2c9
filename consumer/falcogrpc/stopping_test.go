package falcogrpc

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
)

// lookedAt is a context that ends as its state is looked at for the n-th time, so
// between any two steps of whoever looks.
type lookedAt struct {
	context.Context
	left   atomic.Int64
	cancel context.CancelFunc
}

func (c *lookedAt) Err() error {
	if c.left.Add(-1) == 0 {
		defer c.cancel() // for those who look next
		return nil
	}
	return c.Context.Err()
}

// A reader that is stopped while Falco is away has lost nothing, whenever that is.
func TestStoppedWhileFalcoIsAway(t *testing.T) {
	for n := range int64(8) {
		log := newMemoryLog()
		in, err := consumer.NewIntake(consumer.IntakeOptions{Log: log, Logger: quiet})
		require.NoError(t, err)
		r, err := NewReader(ReaderOptions{Target: socket(t), Log: log, Intake: in, Logger: quiet})
		require.NoError(t, err)
		inner, cancel := context.WithCancel(context.Background())
		ctx := &lookedAt{Context: inner, cancel: cancel}
		ctx.left.Store(n + 1)
		require.NoError(t, r.Run(ctx), "looked at %d times", n+1)
		require.Empty(t, log.all())
		cancel()
	}
}
