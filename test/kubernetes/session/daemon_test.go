package session

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// daemon is falcogate serve as a process.
type daemon struct {
	api, ingest string // addresses

	mu  sync.Mutex
	log []string
}

// serve starts falcogate, and stops it when the test ends.
func serve(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := &daemon{}
	cmd := exec.Command(program, append([]string{
		"serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--ingest-listen", "127.0.0.1:0", "--log-format", "json",
	}, args...)...)
	cmd.Env = environ()
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	listening, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			d.mu.Lock()
			d.log = append(d.log, lines.Text())
			d.mu.Unlock()
			var line struct{ Msg, API, Ingest string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				d.api, d.ingest = line.API, line.Ingest
				close(listening)
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-ended
		assert.NoError(t, cmd.Wait())
		if t.Failed() {
			t.Log(strings.Join(d.log, "\n"))
		}
	})
	select {
	case <-listening:
	case <-ended:
		t.Fatalf("falcogate ended before it listened:\n%s", strings.Join(d.log, "\n"))
	}
	return d
}

// environ is this process's environment without what falcogate would take for its own
// configuration.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FALCOGATE_") })
}

// ask runs a command of falcogate against the daemon, and returns its exit code and
// all that it wrote.
func (d *daemon) ask(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.Command(program, append(args, "--server", "http://"+d.api)...)
	cmd.Env = environ()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	require.NoError(t, err)
	return 0, string(out)
}
