package falcos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier/client"
)

// patience bounds every wait. A wait that ends early costs nothing.
const patience = 3 * time.Minute

// gate is a running falcogate serve.
type gate struct {
	cmd    *exec.Cmd
	dir    string
	api    string
	exited chan struct{}

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced with each line
}

// discovering are the flags of a gate that finds Falcos.
func discovering(more ...string) []string {
	return append([]string{
		"--kubeconfig", asGate, "--falco-discover", "falco/app.kubernetes.io/name=falco",
		"--falco-ca", authorized.caFile, "--falco-cert", authorized.certFile, "--falco-key", authorized.keyFile,
	}, more...)
}

// startGate starts falcogate with an event log in dir, and waits until it listens.
func startGate(t *testing.T, dir string, flags ...string) *gate {
	t.Helper()
	g := &gate{dir: dir, exited: make(chan struct{}), more: make(chan struct{})}
	g.cmd = exec.Command(program, append([]string{
		"serve", "--log-format", "json", "--listen", "127.0.0.1:0", "--ingest-listen", "", "--data-dir", filepath.Join(dir, "data"),
	}, flags...)...)
	g.cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, writer, err := os.Pipe()
	require.NoError(t, err)
	g.cmd.Stdout, g.cmd.Stderr = writer, writer
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the process dies with this thread
		defer runtime.UnlockOSThread()
		err := g.cmd.Start()
		writer.Close()
		started <- err
		if err == nil {
			g.collect(output)
			g.cmd.Wait() // its error is read off ProcessState
			close(g.exited)
		}
		output.Close()
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		g.signal(syscall.SIGKILL)
		<-g.exited
		if t.Failed() {
			t.Logf("== falcogate in %s\n%s", dir, g.tail())
		}
	})
	var said struct{ API string }
	require.NoError(t, json.Unmarshal([]byte(g.logged(t, `"msg":"listening"`)), &said))
	g.api = said.API
	return g
}

func (g *gate) collect(output io.Reader) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		g.mu.Lock()
		g.lines = append(g.lines, lines.Text())
		close(g.more)
		g.more = make(chan struct{})
		g.mu.Unlock()
	}
}

// logged waits for a line that holds all of the parts.
func (g *gate) logged(t *testing.T, parts ...string) string {
	t.Helper()
	timeout := time.After(patience)
	for seen := 0; ; {
		g.mu.Lock()
		lines, more := g.lines, g.more
		g.mu.Unlock()
	next:
		for ; seen < len(lines); seen++ {
			for _, part := range parts {
				if !strings.Contains(lines[seen], part) {
					continue next
				}
			}
			return lines[seen]
		}
		select {
		case <-more:
		case <-g.exited:
			require.FailNow(t, "falcogate has ended", "before it wrote %q: %s\n%s", parts, g.cmd.ProcessState, g.tail())
		case <-timeout:
			require.FailNow(t, "falcogate did not write it", "%q\n%s", parts, g.tail())
		}
	}
}

func (g *gate) tail() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.lines[max(0, len(g.lines)-60):], "\n")
}

func (g *gate) signal(s syscall.Signal) { _ = g.cmd.Process.Signal(s) } // it may have exited

// stop ends it and wants exit code 0.
func (g *gate) stop(t *testing.T) {
	t.Helper()
	g.signal(syscall.SIGTERM)
	select {
	case <-g.exited:
	case <-time.After(patience):
		require.FailNow(t, "falcogate does not stop", g.tail())
	}
	require.Zero(t, g.cmd.ProcessState.ExitCode(), g.tail())
}

// kill ends it by SIGKILL.
func (g *gate) kill() {
	g.signal(syscall.SIGKILL)
	<-g.exited
}

var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// metric is a sample of its metrics; one that is not there is an error.
func (g *gate) metric(ctx context.Context, sample string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.api+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := direct.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, sample+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no sample %s", sample)
}

// awaitMetric waits until a sample has a value.
func (g *gate) awaitMetric(t *testing.T, sample string, want float64) {
	t.Helper()
	eventually(t, func() error {
		have, err := g.metric(t.Context(), sample)
		if err == nil && have != want {
			err = fmt.Errorf("%s is %v, want %v", sample, have, want)
		}
		return err
	})
}

// alerts is how many alerts it has.
func (g *gate) alerts(ctx context.Context) (int, error) {
	c, err := client.New("http://"+g.api, direct)
	if err != nil {
		return 0, err
	}
	list, err := c.Alerts(ctx, client.Query{Namespace: namespaceOfAlerts, Since: "1h", Severity: "debug", Limit: 1})
	if err != nil {
		return 0, err
	}
	if !list.CaughtUp {
		return 0, errors.New("the index has not caught up")
	}
	return int(list.AlertCount), nil
}

// ids are those of all alerts that it has, page by page.
func (g *gate) ids(t *testing.T) []string {
	t.Helper()
	c, err := client.New("http://"+g.api, direct)
	require.NoError(t, err)
	q := client.Query{Namespace: namespaceOfAlerts, Since: "1h", Severity: "debug", Limit: 1000, Order: client.OrderOldest}
	var ids []string
	for {
		list, err := c.Alerts(t.Context(), q)
		require.NoError(t, err)
		for _, a := range list.Alerts {
			ids = append(ids, a.ID)
		}
		if list.NextCursor == "" {
			return ids
		}
		q.Cursor = list.NextCursor
		q.Until, q.Since = list.Window.End.Format(time.RFC3339Nano), list.Window.Start.Format(time.RFC3339Nano)
	}
}

// eventually calls f until it returns nil.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			require.NoError(t, err)
		}
	}
}
