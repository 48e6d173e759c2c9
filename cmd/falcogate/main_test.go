package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// asNATSServer, when set, makes the test binary a nats-server: the real one, in a
// process of its own, with nothing to install.
const asNATSServer = "FALCOGATE_TEST_AS_NATS_SERVER"

// asFalcogate makes it falcogate itself.
const asFalcogate = "FALCOGATE_TEST_AS_FALCOGATE"

// asPod is a directory that stands for /var/run/secrets of the pod that falcogate is
// to believe itself in. Without it, it is in none, wherever the tests run.
const asPod = "FALCOGATE_TEST_POD_SECRETS"

// falcogateMain is main, in the pod of asPod.
func falcogateMain() {
	dir := os.Getenv(asPod)
	os.Unsetenv(asPod)
	inPod = podTokens{}
	if dir != "" {
		inPod.projected = filepath.Join(dir, "falcogate.dev/serviceaccount/token")
		inPod.account = filepath.Join(dir, "kubernetes.io/serviceaccount/token")
	}
	main()
}

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asNATSServer) != "":
		os.Unsetenv(asNATSServer)
		natsMain()
		return
	case os.Getenv(asFalcogate) != "":
		os.Unsetenv(asFalcogate)
		falcogateMain()
		return
	}
	testscript.Main(leakChecked{m}, map[string]func(){
		"falcogate":   falcogateMain,
		"nats-server": natsMain,
	})
}

// leakChecked runs the tests and then looks for goroutines left behind.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
			return 1
		}
	}
	return code
}

// natsMain is what nats-server's own main does.
func natsMain() {
	flags := flag.NewFlagSet("nats-server", flag.ExitOnError)
	opts, err := natsserver.ConfigureOptions(flags, os.Args[1:],
		natsserver.PrintServerAndExit, flags.Usage, natsserver.PrintTLSHelpAndDie)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats-server:", err)
		os.Exit(1)
	}
	server, err := natsserver.NewServer(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats-server:", err)
		os.Exit(1)
	}
	server.ConfigureLogger()
	if err := natsserver.Run(server); err != nil {
		fmt.Fprintln(os.Stderr, "nats-server:", err)
		os.Exit(1)
	}
	server.WaitForShutdown()
}
