package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/falcogate/falcogate/verifier/client"
)

const (
	openGates   = 10_000 // at a time
	alertRate   = 1000   // alerts per second
	fails       = 1000   // gates that fail in a round, every fifth alert's
	openedGates = 2000   // opened in a round, by one after another
)

func joined(errs ...error) error { return errors.Join(errs...) }

// daemon is falcogate as a process, with its embedded event log.
type daemon struct {
	cmd         *exec.Cmd
	dir         string
	api, ingest string
	subscriber  *nats.Conn
	client      *client.Client
	http        *http.Client
	gates       int // that were opened

	mu    sync.Mutex
	heard map[string]time.Time // when the verdict of a namespace came
	more  chan struct{}        // has one when some came
}

func startDaemon(ctx context.Context) (d *daemon, err error) {
	d = &daemon{heard: map[string]time.Time{}, more: make(chan struct{}, 1), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	defer func() {
		if err != nil {
			err = joined(err, d.close())
		}
	}()
	if d.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	program := filepath.Join(d.dir, "falcogate")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/falcogate")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building falcogate: %w\n%s", err, out)
	}
	d.cmd = exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--ingest-listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0",
		"--data-dir", filepath.Join(d.dir, "data"), "--log-format", "json", "--log-level", "INFO", "--sensor", "node-a")
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stderr)
	var said struct{ Msg, API, Ingest, NATS string }
	for said.Msg != "listening" {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("falcogate ended: %w", err)
		}
		_ = json.Unmarshal(line, &said) // other lines don't matter
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	d.api, d.ingest = said.API, said.Ingest
	if d.client, err = client.New("http://"+d.api, d.http); err != nil {
		return nil, err
	}
	if d.subscriber, err = nats.Connect(said.NATS); err != nil {
		return nil, err
	}
	_, err = d.subscriber.Subscribe("falcogate.verdict.*.fail", func(m *nats.Msg) {
		at := time.Now()
		d.mu.Lock()
		d.heard[strings.Split(m.Subject, ".")[2]] = at
		d.mu.Unlock()
		select {
		case d.more <- struct{}{}:
		default:
		}
	})
	return d, err
}

func (d *daemon) close() error {
	if d.subscriber != nil {
		d.subscriber.Close()
	}
	d.http.CloseIdleConnections()
	var err error
	if d.cmd != nil && d.cmd.Process != nil {
		err = joined(d.cmd.Process.Signal(syscall.SIGTERM), d.cmd.Wait())
	}
	return joined(err, os.RemoveAll(d.dir))
}

// open opens a gate over a namespace of its own, and says how long that took.
func (d *daemon) open(ctx context.Context) (time.Duration, error) {
	q := client.GateQuery{Duration: "1h", ID: fmt.Sprint("gate-", d.gates)}
	q.Namespace = fmt.Sprint("ns-", d.gates)
	d.gates++
	begin := time.Now()
	_, opened, err := d.client.OpenGate(ctx, q)
	if err == nil && !opened {
		err = errors.New("the gate was there")
	}
	return time.Since(begin), err
}

// post posts an alert of a namespace.
func (d *daemon) post(ctx context.Context, namespace string) error {
	at := time.Now().UTC()
	body, err := json.Marshal(map[string]any{
		"hostname": "node-a", "output": strings.Repeat("x", 300), "priority": "Warning", "rule": "Terminal shell in container", "source": "syscall", "tags": []string{},
		"time": at.Format(time.RFC3339Nano), "output_fields": map[string]any{"k8s.ns.name": namespace, "k8s.pod.name": "web", "evt.time": at.UnixNano(), "proc.cmdline": strings.Repeat("y", 200)},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.ingest+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.http.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the alert was answered %d", resp.StatusCode)
	}
	return err
}

// gateWay is the way of an alert to a verdict.
type gateWay struct {
	*daemon
	failed int // gates, in the order of their numbers
}

func openGateWay(ctx context.Context) (pair, error) {
	d, err := startDaemon(ctx)
	if err != nil {
		return nil, err
	}
	for range openGates + 3*fails {
		if _, err := d.open(ctx); err != nil {
			return nil, joined(err, d.close())
		}
	}
	return &gateWay{daemon: d}, nil
}

// round raises 1,000 alerts a second for five seconds, a fifth of them in the namespaces of
// gates, and the others where no gate is. A thousand gates fail.
func (w *gateWay) round(ctx context.Context) (f figures, err error) {
	sent := map[string]time.Time{}
	var running sync.WaitGroup
	var mu sync.Mutex
	var failure error
	ticker := time.NewTicker(time.Second / alertRate)
	defer ticker.Stop()
	for i := range fails * 5 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return f, ctx.Err()
		}
		namespace := fmt.Sprint("elsewhere-", i%100)
		if i%5 == 0 {
			namespace = fmt.Sprint("ns-", w.failed)
			w.failed++
		}
		running.Go(func() {
			begin := time.Now()
			err := w.post(ctx, namespace)
			mu.Lock()
			defer mu.Unlock()
			if failure = joined(failure, err); strings.HasPrefix(namespace, "ns-") {
				sent[namespace] = begin
			}
		})
	}
	running.Wait()
	if failure != nil {
		return f, failure
	}
	for {
		w.mu.Lock()
		n := len(w.heard)
		w.mu.Unlock()
		if n == w.failed {
			break
		}
		select {
		case <-w.more:
		case <-ctx.Done():
			return f, fmt.Errorf("%d of %d verdicts came: %w", n, w.failed, ctx.Err())
		}
	}
	took := make([]time.Duration, 0, len(sent))
	w.mu.Lock()
	for namespace, begin := range sent {
		took = append(took, w.heard[namespace].Sub(begin))
	}
	w.mu.Unlock()
	f.ours, f.note = percentile(took, 0.99), spread(took)
	bare, err := bareRoundTrips(ctx)
	f.other = percentile(bare, 0.99)
	return f, err
}

// gateOpening is the way of a gate into the store.
type gateOpening struct{ *daemon }

func openGateOpening(ctx context.Context) (pair, error) {
	d, err := startDaemon(ctx)
	return gateOpening{d}, err
}

func (w gateOpening) round(ctx context.Context) (f figures, err error) {
	took := make([]time.Duration, openedGates)
	for i := range took {
		if took[i], err = w.open(ctx); err != nil {
			return f, err
		}
	}
	f.ours, f.note = percentile(took, 0.99), spread(took)
	b, err := openBareStream(ctx)
	if err != nil {
		return f, err
	}
	defer func() { err = joined(err, b.close()) }()
	data := bytes.Repeat([]byte{'x'}, 300)
	for i := range took {
		begin := time.Now()
		if _, err := b.js.Publish(ctx, fmt.Sprint("falcogate.log.gate.", i), data, jetstream.WithExpectLastSequencePerSubject(0)); err != nil {
			return f, err
		}
		took[i] = time.Since(begin)
	}
	f.other = percentile(took, 0.99)
	return f, nil
}

// bareRoundTrips are those of a message of an alert's size to a NATS server in this process and back
// to a subscriber, over TCP, at the pace of the verdicts.
func bareRoundTrips(ctx context.Context) (took []time.Duration, err error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(closeTimeout) {
		return nil, errors.New("the bare server did not get ready")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	came := make(chan time.Time, 1)
	if _, err := conn.Subscribe("bare", func(*nats.Msg) { came <- time.Now() }); err != nil {
		return nil, err
	}
	data := bytes.Repeat([]byte{'x'}, 700)
	ticker := time.NewTicker(5 * time.Second / fails)
	defer ticker.Stop()
	for range fails {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		begin := time.Now()
		if err := conn.Publish("bare", data); err != nil {
			return nil, err
		}
		took = append(took, (<-came).Sub(begin))
	}
	return took, nil
}
