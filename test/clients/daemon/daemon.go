package daemon

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience bounds every wait: machines are slow, and to wait costs nothing.
const Patience = 90 * time.Second

// Daemon is a running `falcogate serve` with an event log of its own.
type Daemon struct {
	// URL is that of its API, and Ingest that of its listener for Falco.
	URL, Ingest string
	cmd         *exec.Cmd
	log         *output
}

// Start runs `falcogate serve` with more flags on free ports of loopback, and waits until
// it is ready. It is stopped with the test.
func Start(t testing.TB, flags ...string) *Daemon {
	t.Helper()
	d := &Daemon{log: &output{more: make(chan struct{})}}
	all := append([]string{"serve", "--listen", "127.0.0.1:0", "--ingest-listen", "127.0.0.1:0", "--log-format", "json"}, flags...)
	if !slices.Contains(flags, "--data-dir") {
		all = append(all, "--data-dir", filepath.Join(t.TempDir(), "data"))
	}
	d.cmd = exec.Command(program, all...)
	d.cmd.Env, d.cmd.Stderr = Environ(), d.log
	require.NoError(t, d.cmd.Start())
	t.Cleanup(func() { d.Stop(t) })
	var said struct{ API, Ingest string }
	require.NoError(t, json.Unmarshal([]byte(d.log.line(t, `"msg":"listening"`)), &said))
	d.URL, d.Ingest = "http://"+said.API, "http://"+said.Ingest+"/"
	require.Eventually(t, func() bool {
		res, err := http.Get(d.URL + "/readyz")
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return errors.Join(res.Body.Close()) == nil && res.StatusCode == http.StatusOK
	}, Patience, 20*time.Millisecond, d.log)
	return d
}

// Stop ends it, and waits until it is gone. It does nothing when it is called again.
func (d *Daemon) Stop(t testing.TB) {
	t.Helper()
	if d.cmd.ProcessState != nil {
		return
	}
	require.NoError(t, d.cmd.Process.Signal(syscall.SIGTERM))
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("falcogate did not end well: %v\n%s", err, d.log)
	}
}

// Kill ends it at once, as a crash does.
func (d *Daemon) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, d.cmd.Process.Kill())
	_ = d.cmd.Wait() // it was killed
}

// Recording is the path of a recording of a real Falco, such as clean/http.jsonl.gz.
func Recording(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(Root(t), "consumer", "testdata", "recordings", filepath.FromSlash(name))
}

// Span is when the first and the last message of a recording came, as it was played.
type Span struct{ First, Last time.Time }

// Replay plays a recording at once, as if it ended now, and returns when all was taken.
func (d *Daemon) Replay(t testing.TB, recording string, flags ...string) (played Span) {
	t.Helper()
	replay := exec.Command(program, append([]string{
		"replay", Recording(t, recording), "--http", d.Ingest, "--rebase", "--as-fast-as-possible", "-o", "json",
	}, flags...)...)
	replay.Env, replay.Stderr = Environ(), os.Stderr
	out, err := replay.Output()
	require.NoError(t, err, "%s", out)
	require.NoError(t, json.Unmarshal(out, &played))
	return played
}

// Play plays a recording from now on, at its own pace: a Falco that lives for as long as
// that, some 40 seconds. It is ended with the test if it has not by then.
func (d *Daemon) Play(t testing.TB, recording string, flags ...string) {
	t.Helper()
	play := exec.Command(program, append([]string{"replay", Recording(t, recording), "--http", d.Ingest, "--rebase"}, flags...)...)
	play.Env, play.Stderr = Environ(), os.Stderr
	require.NoError(t, play.Start())
	t.Cleanup(func() {
		_ = play.Process.Kill() // it may have ended by itself
		_ = play.Wait()
	})
}

// Heard waits until the recorded Falco that plays was heard.
func (d *Daemon) Heard(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		out, _ := d.Run(t, "sensors", "-o", "jsonl")
		return strings.Contains(out, `"node-a"`)
	}, Patience, 50*time.Millisecond)
}

// Seen waits until an alert of a namespace has come.
func (d *Daemon) Seen(t testing.TB, namespace string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, code := d.Run(t, "check", "-n", namespace, "--since", "5m", "--wait", "0", "-q")
		return code == 1
	}, Patience, 50*time.Millisecond)
}

// Run runs `falcogate` with arguments against the daemon, and returns what it wrote and
// its exit code.
func (d *Daemon) Run(t testing.TB, args ...string) (stdout string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(Environ(), "FALCOGATE_SERVER="+d.URL)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// output keeps what a process writes, and tells of each line.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed and replaced when there is more
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	close(o.more)
	o.more = make(chan struct{})
	return len(p), nil
}

// String is all that was written.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// line waits for a whole line that has a part.
func (o *output) line(t testing.TB, part string) string {
	t.Helper()
	timeout := time.After(Patience)
	for {
		o.mu.Lock()
		text, more := o.text.String(), o.more
		o.mu.Unlock()
		for lines := bufio.NewReader(strings.NewReader(text)); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			if strings.Contains(line, part) {
				return line
			}
		}
		select {
		case <-more:
		case <-timeout:
			require.FailNow(t, "falcogate did not write a line", "with %s within %s:\n%s", part, Patience, text)
		}
	}
}
