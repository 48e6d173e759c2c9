package session

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// snapshotEvery is how often the Falcos here send a snapshot.
const snapshotEvery = 500 * time.Millisecond

// falco sends what a Falco with its HTTP output sends, in Falco's own form.
type falco struct {
	hostname, url string

	mu     sync.Mutex
	raised int
	events int
	stop   func()
}

// start begins to send snapshots. The engine goes on where it was stopped.
func (f *falco) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(snapshotEvery)
		defer ticker.Stop()
		for {
			if err := f.snapshot(ctx); err != nil {
				done <- err
				return
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				done <- nil
				return
			}
		}
	}()
	f.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; ctx.Err() == nil {
			require.NoError(t, err)
		}
	})
	t.Cleanup(func() { f.stop() })
}

func (f *falco) snapshot(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events += 1000
	now := time.Now()
	return f.post(ctx, now, "internal", "Falco internal: metrics snapshot", "Informational", map[string]any{
		"evt.hostname": f.hostname, "evt.source": "syscall", "evt.time": now.UnixNano(),
		"falco.start_ts": 1795415160691324880, "falco.reload_ts": 1795415160687714828, "falco.version": "0.44.1",
		"falco.num_evts": f.events, "falco.outputs_queue_num_drops": 0,
		"falco.rules.matches_total": f.raised, "falco.rules.Terminal_shell_in_container": f.raised,
		"falco.sha256_rules_file.falco_rules_yaml": "f355cf51a7b9ce0c0f8e6e488a195ec4d3c3ba5e3893d81fa7506282cf8695a6",
		"scap.engine_name":                         "modern_bpf", "scap.n_evts": f.events, "scap.n_drops": 0,
	})
}

// shell raises an alert in a container of which the metadata is not there.
func (f *falco) shell(ctx context.Context, container string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.raised++
	return f.post(ctx, time.Now(), "syscall", "Terminal shell in container", "Warning", map[string]any{
		"container.id": container, "container.name": nil, "k8s.ns.name": nil, "k8s.pod.name": nil,
		"proc.cmdline": "sh -c id", "user.name": "root",
	})
}

func (f *falco) post(ctx context.Context, at time.Time, source, rule, priority string, fields map[string]any) error {
	body, err := json.Marshal(map[string]any{
		"hostname": f.hostname, "source": source, "rule": rule, "priority": priority, "time": at.UTC().Format(time.RFC3339Nano),
		"output": rule, "output_fields": fields, "tags": []string{},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", f.hostname, res.Status)
	}
	return nil
}
