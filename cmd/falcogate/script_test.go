package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs testdata/script with the real program. Besides testscript's own
// commands there are:
//
//	daemon NAME [FLAG...]   starts serve on free ports, waits until it is ready, and
//	                        sets NAME_API, NAME_INGEST and NAME_NATS
//	stop NAME               sends SIGTERM and wants exit code 0
//	kill NAME               sends SIGKILL
//	nats NAME [PORT]        starts a real nats-server and sets NAME_PORT
//	certificates            writes ca, server, client and stranger to $WORK
//	daemon -unready …       does not wait until it is ready
//	freeport VAR            sets VAR to a port that nobody listens on
//	exits CODE PROGRAM …    wants that exit code
//	await CODE PROGRAM …    runs PROGRAM until it exits with CODE
//	awaitfile FILE VAR      waits for FILE and sets VAR to what it holds
//	logged NAME TEXT        waits until a daemon's log holds TEXT
//	[external]              a condition: daemons use a nats-server of their own
func TestScript(t *testing.T) {
	runScripts(t, "testdata/script", false)
}

// TestTransports runs the scripts of every way in, once with the embedded event
// log and once with a nats-server in a process of its own.
func TestTransports(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { runScripts(t, "testdata/script/transport", false) })
	t.Run("external", func(t *testing.T) { runScripts(t, "testdata/script/transport", true) })
}

func runScripts(t *testing.T, dir string, external bool) {
	recordings, err := filepath.Abs("testdata/recordings")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// A short path: socket paths are limited to 107 bytes.
			sockets, err := os.MkdirTemp("", "fg")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(sockets) })
			env.Setenv("SOCKETS", sockets)
			env.Setenv("RECORDINGS", recordings)
			env.Setenv("TZ", "UTC")
			env.Values[running{}] = map[string]*process{}
			env.Values[useExternal{}] = external
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "external" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return external, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon":       scriptDaemon,
			"stop":         scriptStop,
			"kill":         scriptKill,
			"nats":         scriptNATS,
			"certificates": scriptCertificates,
			"freeport":     scriptFreePort,
			"exits":        scriptExits,
			"await":        scriptAwait,
			"awaitfile":    scriptAwaitFile,
			"logged":       scriptLogged,
		},
	})
}

// useExternal is the key of whether a script's daemons use a nats-server of their
// own.
type useExternal struct{}

// running is the key of a script's processes by name.
type running struct{}

func processes(ts *testscript.TestScript) map[string]*process {
	return ts.Value(running{}).(map[string]*process)
}

func environ(ts *testscript.TestScript) []string {
	var vars []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ"} {
		vars = append(vars, name+"="+ts.Getenv(name))
	}
	return vars
}

// adopt keeps p under its name and ends it with the script. A daemon that the
// script did not stop must end well by itself.
func adopt(ts *testscript.TestScript, name string, p *process) {
	processes(ts)[name] = p
	ts.Defer(func() {
		if !isExited(p.exited) {
			p.end(syscall.SIGKILL)
		}
		if os.Getenv("FALCOGATE_TEST_LOGS") != "" {
			fmt.Fprintf(os.Stderr, "-- %s --\n%s\n", name, p.log())
		}
	})
}

func scriptDaemon(ts *testscript.TestScript, neg bool, args []string) {
	unready := len(args) > 0 && args[0] == "-unready"
	if unready {
		args = args[1:]
	}
	if neg || len(args) < 1 {
		ts.Fatalf("usage: daemon [-unready] NAME [FLAG...]")
	}
	if ts.Value(useExternal{}).(bool) {
		if processes(ts)["nats"] == nil {
			scriptNATS(ts, false, []string{"nats"})
		}
		args = append(args, "--nats-url", "nats://127.0.0.1:"+ts.Getenv("nats_PORT"))
	}
	d, err := startDaemon(ts.Getenv("WORK"), environ(ts), args[1:]...)
	ts.Check(err)
	adopt(ts, args[0], d.process)
	ts.Setenv(args[0]+"_API", d.api)
	ts.Setenv(args[0]+"_INGEST", d.ingest)
	ts.Setenv(args[0]+"_NATS", d.nats)
	if unready || d.api == "" {
		return
	}
	if err := d.waitReady(context.Background()); err != nil {
		ts.Fatalf("daemon %s: %v\n%s", args[0], err, d.log())
	}
}

func named(ts *testscript.TestScript, args []string) *process {
	if len(args) < 1 || processes(ts)[args[0]] == nil {
		ts.Fatalf("no process %q", args)
	}
	return processes(ts)[args[0]]
}

func scriptStop(ts *testscript.TestScript, _ bool, args []string) {
	p := named(ts, args)
	code, err := p.end(syscall.SIGTERM)
	ts.Check(err)
	if code != 0 {
		ts.Fatalf("%s ended with %d after SIGTERM:\n%s", args[0], code, p.log())
	}
}

func scriptKill(ts *testscript.TestScript, _ bool, args []string) {
	_, err := named(ts, args).end(syscall.SIGKILL)
	ts.Check(err)
}

func scriptNATS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: nats NAME [PORT]")
	}
	port, err := freePort()
	ts.Check(err)
	if len(args) > 1 {
		port, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	p, err := startNATS(ts.Getenv("WORK"), environ(ts), port)
	ts.Check(err)
	adopt(ts, args[0], p)
	ts.Setenv(args[0]+"_PORT", strconv.Itoa(port))
}

func scriptCertificates(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(writeCertificates(ts.Getenv("WORK")))
}

func scriptLogged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: logged NAME TEXT")
	}
	_, err := named(ts, args).waitLine(args[1])
	ts.Check(err)
}

func scriptFreePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VAR")
	}
	port, err := freePort()
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(port))
}

// exitCode runs a program, with its output for the stdout and stderr commands.
func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if code := exitCode(ts, args[1:]); code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(eventually(context.Background(), func() error {
		if code := exitCode(ts, args[1:]); code != want {
			return fmt.Errorf("exit code %d, want %d", code, want)
		}
		return nil
	}))
}

func scriptAwaitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: awaitfile FILE VAR")
	}
	ts.Check(eventually(context.Background(), func() error {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil {
			ts.Setenv(args[1], strings.TrimSpace(string(data)))
		}
		return err
	}))
}
