package eventlog_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
)

// appenderMain is a process that appends until it is killed, and says what was
// acknowledged: "append <sensor> <n>" for one record, "lane <sensor> <n>" for all
// below n. EVENTLOG_TEST_FROM is where its numbers begin.
func appenderMain() int {
	ctx := context.Background()
	from, err := strconv.Atoi(os.Getenv("EVENTLOG_TEST_FROM"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	l, err := eventlog.Open(ctx, eventlog.Options{
		DataDir: os.Getenv("EVENTLOG_TEST_DIR"), Logger: quiet, SyncAlways: os.Getenv("EVENTLOG_TEST_SYNC") == "always",
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			sensor := fmt.Sprintf("http-%d", n)
			for i := from; l.Append(ctx, numbered(sensor, i)) == nil; i++ {
				say("append %s %d", sensor, i)
			}
		})
	}
	wg.Go(func() {
		lane := l.NewLane()
		for i := from; lane.Append(ctx, numbered("grpc", i)) == nil; i++ {
			if i%300 == 299 && lane.Flush(ctx) == nil {
				say("lane grpc %d", i+1)
			}
		}
	})
	wg.Wait()
	return 1
}

// TestKilled kills an appending process several times on the same directory:
// what it was told to be stored is there after each, once, a lane's in order.
func TestKilled(t *testing.T) {
	for _, sync := range []string{"interval", "always"} {
		t.Run("sync "+sync, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			acknowledged := map[correlate.ID]bool{}
			var made time.Time
			from := 0
			for life := range 4 {
				c := startChild(t, "appender", nil, "EVENTLOG_TEST_DIR="+dir, "EVENTLOG_TEST_SYNC="+sync, fmt.Sprintf("EVENTLOG_TEST_FROM=%d", from))
				laneFrom := from
				lanes := 0
				for lines := 0; lines < 300+life*170 || lanes < 2; lines++ {
					require.True(t, c.lines.Scan(), "the appender ended by itself")
					f := strings.Fields(c.lines.Text())
					n, err := strconv.Atoi(f[2])
					require.NoError(t, err)
					from = max(from, n+1)
					if f[0] == "append" {
						acknowledged[testID(f[1], n)] = true
						continue
					}
					lanes++
					for ; laneFrom < n; laneFrom++ {
						acknowledged[testID(f[1], laneFrom)] = true
					}
				}
				c.kill()
				from += 10_000 // beyond what it had under way

				l := open(t, eventlog.Options{DataDir: dir, Logger: quiet})
				stored := readAll(t, l, 0)
				bounds, err := l.Bounds(testContext(t))
				require.NoError(t, err)
				require.True(t, life == 0 || made.Equal(bounds.Created), "it is still the same log")
				made = bounds.Created
				closeLog(t, l)
				count := map[correlate.ID]int{}
				var lane []*correlate.Record
				for _, r := range stored {
					count[r.ID]++
					if r.Body.Sensor() == "grpc" {
						lane = append(lane, r)
					}
				}
				for id := range acknowledged {
					require.Equal(t, 1, count[id], "life %d: %s", life, id)
				}
				for i := 1; i < len(lane); i++ {
					require.Greater(t, lane[i].Body.(*correlate.Alert).Time, lane[i-1].Body.(*correlate.Alert).Time)
				}
			}
		})
	}
}
