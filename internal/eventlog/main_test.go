package eventlog_test

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The test binary is also what the tests need as processes of their own: with
// this variable set it is a nats-server, an appender or a filler, and no test.
const roleVariable = "EVENTLOG_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "nats-server":
		os.Exit(serverMain())
	case "appender":
		os.Exit(appenderMain())
	case "filler":
		os.Exit(fillerMain())
	}
	goleak.VerifyTestMain(m)
}

// serverMain is nats-server's own main function, but for its exit.
func serverMain() int {
	fs := flag.NewFlagSet("nats-server", flag.ContinueOnError)
	opts, err := server.ConfigureOptions(fs, os.Args[1:], func() {}, fs.Usage, func() {})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err := server.NewServer(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.ConfigureLogger()
	if err := server.Run(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// Whoever started us reads this line, and closes stdin or ends.
	fmt.Println("ready", s.ClientURL())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		stop <- syscall.SIGTERM
	}()
	<-stop
	s.Shutdown()
	s.WaitForShutdown()
	return 0
}

// child is another life of the test binary.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines *bufio.Scanner // of its standard output
	stdin interface{ Close() error }
	ended bool
}

func startChild(t testing.TB, role string, args []string, env ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &child{t: t, cmd: cmd, lines: bufio.NewScanner(out), stdin: in}
	t.Cleanup(c.kill)
	return c
}

// kill ends the child as a crash does, and waits for its end.
func (c *child) kill() {
	if c.ended {
		return
	}
	c.ended = true
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// stop ends it in good order.
func (c *child) stop() {
	c.t.Helper()
	c.ended = true
	require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(c.t, c.cmd.Wait())
}

// natsServer is a nats-server process on a port and a store that outlive it.
type natsServer struct {
	t    testing.TB
	port int
	dir  string
	conf string
	*child
}

// newNATS starts a nats-server; conf is added to its configuration.
func newNATS(t testing.TB, conf string) *natsServer {
	t.Helper()
	n := &natsServer{t: t, port: freePort(t), dir: t.TempDir()}
	n.conf = filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(n.conf, fmt.Appendf(nil, `
listen: "127.0.0.1:%d"
server_name: test
jetstream: {store_dir: %q}
log_file: %q
%s
`, n.port, n.dir, filepath.Join(t.TempDir(), "nats.log"), conf), 0o600))
	n.start()
	return n
}

func (n *natsServer) start() {
	n.t.Helper()
	n.child = startChild(n.t, "nats-server", []string{"-c", n.conf})
	require.True(n.t, n.lines.Scan(), "nats-server ended before it was ready: %v", n.lines.Err())
	require.True(n.t, strings.HasPrefix(n.lines.Text(), "ready "), n.lines.Text())
}

// url is where clients connect.
func (n *natsServer) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.port) }

// freePort is one that nobody has now. It is not kept: a server that is to come
// back on it must find it free.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

const patience = 30 * time.Second
