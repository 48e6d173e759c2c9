package eventlog_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/eventlog"
)

// fillerMain is a process whose disk gets full: files can't grow beyond a limit.
// Writing fails for real, and works again when the limit is lifted.
func fillerMain() int {
	if err := fill(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func fill() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	l, err := eventlog.Open(ctx, eventlog.Options{DataDir: os.Getenv("EVENTLOG_TEST_DIR"), Logger: quiet})
	if err != nil {
		return err
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: was.Max}); err != nil {
		return err
	}
	lane := l.NewLane()
	defer lane.Close()
	for i := range 5000 {
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := lane.Append(short, numbered("lane", i))
		cancel()
		if err == nil {
			continue
		}
		// It is full, and the window with it. Wait until that shows.
		tick := time.NewTicker(10 * time.Millisecond)
		for l.Health() == nil && ctx.Err() == nil {
			<-tick.C
		}
		tick.Stop()
		fmt.Printf("full at %d: %v\n", i, l.Health())
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			return err
		}
		if err := lane.Append(ctx, numbered("lane", i)); err != nil {
			return err
		}
	}
	if err := lane.Flush(ctx); err != nil {
		return err
	}
	if err := l.Health(); err != nil {
		return err
	}
	return l.Close(ctx)
}

// TestDiskFull: an embedded log whose disk was full goes on once there is room,
// with nothing lost and in order.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startChild(t, "filler", nil, "EVENTLOG_TEST_DIR="+dir)
	full := 0
	for c.lines.Scan() {
		t.Log(c.lines.Text())
		full++
	}
	c.ended = true
	require.NoError(t, c.cmd.Wait())
	require.Equal(t, 1, full)
	requireOrder(t, readAll(t, open(t, eventlog.Options{DataDir: dir, Logger: quiet}), 0), 1, 5000)
}
