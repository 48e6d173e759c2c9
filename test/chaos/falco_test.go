package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"time"
)

// sensors are the Falcos that must prove silence.
var sensors = [...]string{"node-a", "node-b", "node-c", "node-d"}

const rule = "Terminal shell in container"

// raised is an alert that a Falco has raised, and what became of it.
type raised struct {
	Namespace string
	Priority  string
	Time      time.Time
	Stored    time.Time // when a replica said that it is safe; zero for never
}

// falco raises alerts and counts them, as Falco does over HTTP: it sends one message
// after another, tries again after a time-out alone, and does not look back.
type falco struct {
	name    string
	ingests [size]string
	client  *http.Client
	rand    *rand.Rand
	queue   chan message
	started time.Time

	mu      sync.Mutex
	count   uint64
	events  uint64
	raised  []*raised
	dropped int // messages that no replica took
}

type message struct {
	body  []byte
	alert *raised // nil for a snapshot
}

func newFalco(name string, ingests [size]string, seed uint64) *falco {
	return &falco{
		name: name, ingests: ingests, rand: rand.New(rand.NewPCG(seed, 1)), started: time.Now(), queue: make(chan message, 10_000),
		client: &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// raise raises an alert. One that is lost is counted and goes to somebody else, as with a
// second reader.
func (f *falco) raise(namespace, priority string, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &raised{Namespace: namespace, Priority: priority, Time: time.Now().UTC()}
	f.count++
	f.raised = append(f.raised, r)
	if !lost {
		f.queue <- message{f.encode(rule, priority, "syscall", r.Time, map[string]any{"k8s.ns.name": namespace, "k8s.pod.name": "web", "container.id": "4d2f9b1c8a7e", "evt.time": r.Time.UnixNano()}), r}
	}
}

// snapshot puts a metrics snapshot behind all alerts that it counts.
func (f *falco) snapshot() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now().UTC()
	f.events += 1000
	f.queue <- message{f.encode("Falco internal: metrics snapshot", "Informational", "internal", now, map[string]any{
		"evt.source": "syscall", "evt.time": now.UnixNano(), "falco.start_ts": f.started.UnixNano(), "falco.reload_ts": f.started.UnixNano(),
		"falco.rules.matches_total": f.count, "falco.rules.Terminal_shell_in_container": f.count, "falco.outputs_queue_num_drops": 0,
		"falco.num_evts": f.events, "scap.n_evts": f.events, "scap.n_drops": 0, "falco.version": "0.44.1", "scap.engine_name": "modern_bpf",
	}), nil}
}

func (f *falco) encode(rule, priority, source string, at time.Time, fields map[string]any) []byte {
	body, err := json.Marshal(map[string]any{
		"hostname": f.name, "output": "chaos", "output_fields": fields, "priority": priority, "rule": rule, "source": source,
		"tags": []string{}, "time": at.Format(time.RFC3339Nano),
	})
	if err != nil {
		panic(err) // it is made of texts and numbers
	}
	return body
}

// run takes a snapshot each interval and sends all there is, until ctx ends.
func (f *falco) run(ctx context.Context, interval time.Duration) {
	var both sync.WaitGroup
	both.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f.snapshot()
			case <-ctx.Done():
				return
			}
		}
	})
	both.Go(func() {
		for {
			select {
			case m := <-f.queue:
				f.send(ctx, m)
			case <-ctx.Done():
				return
			}
		}
	})
	both.Wait()
	f.client.CloseIdleConnections()
}

// send sends a message to one of the replicas, up to five times while that does not answer.
func (f *falco) send(ctx context.Context, m message) {
	to := f.ingests[f.rand.IntN(size)]
	for range 5 {
		err := f.post(ctx, to, m.body)
		if err == nil {
			if m.alert != nil {
				f.mu.Lock()
				m.alert.Stored = time.Now()
				f.mu.Unlock()
			}
			return
		}
		if !os.IsTimeout(err) && !errors.Is(err, context.DeadlineExceeded) {
			break
		}
		to = f.ingests[f.rand.IntN(size)] // the service has other replicas
	}
	f.mu.Lock()
	f.dropped++
	f.mu.Unlock()
}

func (f *falco) post(ctx context.Context, to string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+to+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%d: %s (%w)", resp.StatusCode, text, err)
	}
	return nil
}

// within are the alerts of a namespace at Warning or above in a window.
func within(falcos []*falco, namespace string, start, end time.Time) (all []raised) {
	for _, f := range falcos {
		f.mu.Lock()
		for _, r := range f.raised {
			if r.Namespace == namespace && r.Priority != "Notice" && !r.Time.Before(start) && r.Time.Before(end) {
				all = append(all, *r)
			}
		}
		f.mu.Unlock()
	}
	return all
}
