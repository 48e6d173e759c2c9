package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// alertLine is a small alert of its own: numbered, in namespace crash.
func alertLine(i int, at time.Time) string {
	return fmt.Sprintf(`{"hostname":"node-%d","output":"alert %d","output_fields":{"k8s.ns.name":"crash","evt.num":%d},`+
		`"priority":"Warning","rule":"Test","source":"syscall","tags":[],"time":%q}`,
		i%4, i, i, at.UTC().Format(time.RFC3339Nano))
}

// allAlerts lists everything in a namespace, oldest first, page by page.
func allAlerts(t *testing.T, api, namespace string) []verifier.Alert {
	t.Helper()
	c, err := client.New("http://"+api, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	require.NoError(t, err)
	q := client.Query{Namespace: namespace, Since: "1h", Severity: "debug", Limit: 1000, Order: client.OrderOldest}
	var all []verifier.Alert
	for {
		list, err := c.Alerts(t.Context(), q)
		require.NoError(t, err)
		require.True(t, list.CaughtUp)
		all = append(all, list.Alerts...)
		if list.NextCursor == "" {
			require.Len(t, all, int(list.AlertCount))
			return all
		}
		q.Cursor = list.NextCursor
		q.Until = list.Window.End.Format(time.RFC3339Nano)
		q.Since = list.Window.Start.Format(time.RFC3339Nano)
	}
}

// TestKillDuringIngest kills the daemon with SIGKILL, three times, while alerts
// come in, and wants every acknowledged one back, once.
func TestKillDuringIngest(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	next := 0
	for round := range 3 {
		d, err := startDaemon(dir, os.Environ())
		require.NoError(t, err)
		require.NoError(t, d.waitReady(t.Context()))

		enough := make(chan struct{})
		var senders sync.WaitGroup
		count := 0
		for range 8 {
			senders.Go(func() {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for {
					mu.Lock()
					i := next
					next++
					mu.Unlock()
					line := alertLine(i, time.Now())
					resp, err := client.Post("http://"+d.ingest+"/", "application/json", strings.NewReader(line))
					if err != nil {
						return // killed
					}
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						t.Errorf("alert %d: %s", i, resp.Status)
						return
					}
					alert, err := consumer.DecodeJSON([]byte(line))
					if err != nil {
						t.Errorf("alert %d: %v", i, err)
						return
					}
					mu.Lock()
					acknowledged[alert.ID().String()] = true
					if count++; count == 500*(round+1) {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		_, err = d.end(syscall.SIGKILL)
		require.NoError(t, err)
		senders.Wait()
	}

	d, err := startDaemon(dir, os.Environ())
	require.NoError(t, err)
	require.NoError(t, d.waitReady(t.Context()))
	seen := map[string]int{}
	for _, a := range allAlerts(t, d.api, "crash") {
		seen[a.ID]++
	}
	for id := range acknowledged {
		require.Equal(t, 1, seen[id], "acknowledged alert %s", id)
	}
	for id, n := range seen {
		require.Equal(t, 1, n, "alert %s", id)
	}
	t.Logf("%d acknowledged, %d stored", len(acknowledged), len(seen))
	code, err := d.end(syscall.SIGTERM)
	require.NoError(t, err)
	require.Zero(t, code, d.log())
}

// TestNATSStoppedDuringIngest stops the NATS server twice, once by SIGKILL, while
// a recorded burst of 18,785 alerts comes by gRPC, and wants all of it, in order.
func TestNATSStoppedDuringIngest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sockets, err := os.MkdirTemp("", "fg")
	require.NoError(t, err)
	defer os.RemoveAll(sockets)
	socket := "unix://" + sockets + "/falco.sock"
	port, err := freePort()
	require.NoError(t, err)
	nats, err := startNATS(dir, os.Environ(), port)
	require.NoError(t, err)
	defer func() { nats.end(syscall.SIGKILL) }()
	d, err := startDaemon(dir, os.Environ(), "--nats-url", fmt.Sprintf("nats://127.0.0.1:%d", port), "--falco", socket)
	require.NoError(t, err)
	defer d.end(syscall.SIGKILL)
	require.NoError(t, d.waitReady(t.Context()))

	recording, err := filepath.Abs("testdata/burst.grpc.jsonl.gz")
	require.NoError(t, err)
	player, err := startProcess(asFalcogate, dir, os.Environ(), "replay", recording,
		"--grpc", socket, "--rebase", "--speed", "4", "-o", "json")
	require.NoError(t, err)
	defer player.end(syscall.SIGKILL)

	for i, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		require.NoError(t, eventually(t.Context(), func() error {
			return d.wantIndexed(t.Context(), float64(3000*(i+1)))
		}))
		require.False(t, isExited(player.exited), "the replay ended before NATS was stopped")
		_, err = nats.end(signal)
		require.NoError(t, err)
		require.NoError(t, eventually(t.Context(), func() error { return d.wantReadiness(t.Context(), false) }))
		nats, err = startNATS(dir, os.Environ(), port)
		require.NoError(t, err)
		require.NoError(t, d.waitReady(t.Context()))
	}
	_, err = player.waitLine(`{"sent":18809,`)
	require.NoError(t, err)
	for namespace, want := range map[string]uint64{"shadow-bad": 18780, "shop": 3, "shadow-clean": 2} {
		require.NoError(t, eventually(t.Context(), func() error { return wantAlerts(t, d.api, namespace, want) }))
	}
	all := allAlerts(t, d.api, "shadow-bad")
	require.Len(t, all, 18780)
	for i := 1; i < len(all); i++ {
		// The sensor sent them in the order of their times.
		require.Greater(t, all[i].Position, all[i-1].Position, "alerts %d and %d", i-1, i)
	}
	code, err := d.end(syscall.SIGTERM)
	require.NoError(t, err)
	require.Zero(t, code, d.log())
}

// wantIndexed wants at least so many alerts in the index, whatever their times: a
// replay faster than the original runs ahead of the clock.
func (d *daemon) wantIndexed(ctx context.Context, want float64) error {
	_, body, err := d.get(ctx, "/metrics")
	if err != nil {
		return err
	}
	for line := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(line, `falcogate_index_alerts{origin="attributed"} `); ok {
			if have, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err != nil || have < want {
				return fmt.Errorf("%s alerts are indexed, want %v", text, want)
			}
			return nil
		}
	}
	return errors.New("no metric of the index")
}

// wantAlerts wants so many alerts in a namespace.
func wantAlerts(t *testing.T, api, namespace string, want uint64) error {
	c, err := client.New("http://"+api, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	require.NoError(t, err)
	list, err := c.Alerts(t.Context(), client.Query{Namespace: namespace, Since: "1h", Severity: "debug", Limit: 1})
	if err == nil && list.AlertCount != want {
		err = fmt.Errorf("%d alerts in %s, want %d", list.AlertCount, namespace, want)
	}
	return err
}
