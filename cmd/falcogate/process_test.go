package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience bounds every wait of these tests. It is generous: machines are slow,
// and a wait that ends early costs nothing.
const patience = 90 * time.Second

// process is a program under test in a process of its own.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced with each line
}

// startProcess re-executes the test binary as falcogate or nats-server.
func startProcess(as, dir string, environ []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{
		cmd:    exec.Command(self, args...),
		exited: make(chan struct{}),
		more:   make(chan struct{}),
	}
	p.cmd.Dir = dir
	p.cmd.Env = append(slices.Clone(environ), as+"=1")
	output, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	if err := p.cmd.Start(); err != nil {
		output.Close()
		writer.Close()
		return nil, err
	}
	writer.Close()
	go func() {
		defer close(p.exited)
		p.collect(output)
		output.Close()
		p.cmd.Wait() // its error is read off ProcessState
	}()
	return p, nil
}

func (p *process) collect(output io.Reader) {
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			p.mu.Lock()
			p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// log is all that the process has written.
func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// waitLine returns the first line that holds all of parts.
func (p *process) waitLine(parts ...string) (string, error) {
	timeout := time.After(patience)
	for seen := 0; ; {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for ; seen < len(lines); seen++ {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(lines[seen], part) }) {
				return lines[seen], nil
			}
		}
		select {
		case <-more:
		case <-p.exited:
			return "", fmt.Errorf("%s ended (%v) before it wrote %q:\n%s", p.cmd.Args[1], p.cmd.ProcessState, parts, p.log())
		case <-timeout:
			return "", fmt.Errorf("%s did not write %q in %s:\n%s", p.cmd.Args[1], parts, patience, p.log())
		}
	}
}

// end sends a signal, waits for the exit and returns the exit code, -1 when a
// signal ended it.
func (p *process) end(signal syscall.Signal) (int, error) {
	if err := p.cmd.Process.Signal(signal); err != nil && !isExited(p.exited) {
		return 0, err
	}
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		p.cmd.Process.Kill()
		return 0, fmt.Errorf("%v did not end within %s after %s:\n%s", p.cmd.Args[1:], patience, signal, p.log())
	}
}

func isExited(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// daemon is a running `falcogate serve`.
type daemon struct {
	*process
	api, ingest, nats, metrics string // addresses; empty when it does not listen there
}

// startDaemon starts serve on free ports and waits until it listens.
func startDaemon(dir string, environ []string, args ...string) (*daemon, error) {
	all := []string{"serve", "--log-format", "json"}
	for flag, value := range map[string]string{
		"--listen": "127.0.0.1:0", "--ingest-listen": "127.0.0.1:0", "--data-dir": filepath.Join(dir, "data"),
	} {
		if !slices.Contains(args, flag) {
			all = append(all, flag, value)
		}
	}
	p, err := startProcess(asFalcogate, dir, environ, append(all, args...)...)
	if err != nil {
		return nil, err
	}
	d := &daemon{process: p}
	line, err := p.waitLine(`"msg":"listening"`)
	if err != nil {
		p.end(syscall.SIGKILL)
		return nil, err
	}
	var said struct{ API, Ingest, NATS, Metrics string }
	if err := json.Unmarshal([]byte(line), &said); err != nil {
		return nil, fmt.Errorf("listening line %q: %w", line, err)
	}
	d.api, d.ingest, d.nats, d.metrics = said.API, said.Ingest, said.NATS, said.Metrics
	return d, nil
}

// waitReady waits until readyz says so.
func (d *daemon) waitReady(ctx context.Context) error {
	return eventually(ctx, func() error { return d.wantReadiness(ctx, true) })
}

// wantReadiness asks readyz once.
func (d *daemon) wantReadiness(ctx context.Context, want bool) error {
	status, body, err := d.get(ctx, "/readyz")
	if err == nil && (status == http.StatusOK) != want {
		err = fmt.Errorf("readyz: %d: %s", status, body)
	}
	return err
}

// get fetches a path of the API.
func (d *daemon) get(ctx context.Context, path string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.api+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// eventually calls f until it returns nil, for as long as patience lasts.
func eventually(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("gave up after %s: %w", patience, err)
		}
	}
}

// startNATS starts a real nats-server with JetStream on a given port.
func startNATS(dir string, environ []string, port int) (*process, error) {
	p, err := startProcess(asNATSServer, dir, environ,
		"-a", "127.0.0.1", "-p", strconv.Itoa(port), "-js", "-sd", filepath.Join(dir, "nats-store"))
	if err != nil {
		return nil, err
	}
	if _, err := p.waitLine("Server is ready"); err != nil {
		p.end(syscall.SIGKILL)
		return nil, err
	}
	return p, nil
}

// freePort is a port of loopback that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
