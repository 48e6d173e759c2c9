package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs testdata/script with the real program. Besides testscript's own
// commands there are:
//
//	daemon NAME [FLAG...]   starts serve on free ports, waits until it is ready, and
//	                        sets NAME_API, NAME_INGEST, NAME_NATS and NAME_METRICS
//	terminate NAME          sends SIGTERM and wants exit code 0; stop is testscript's
//	                        own, and ends the script
//	crash NAME              sends SIGKILL
//	nats NAME [PORT]        starts a real nats-server and sets NAME_PORT
//	certificates            writes ca, server, client and stranger to $WORK
//	daemon -unready …       does not wait until it is ready
//	freeport VAR            sets VAR to a port that nobody listens on
//	exits CODE PROGRAM …    wants that exit code
//	await CODE PROGRAM …    runs PROGRAM until it exits with CODE
//	awaitfile FILE VAR      waits for FILE and sets VAR to what it holds
//	logged NAME TEXT        waits until a daemon's log holds TEXT
//	metric NAME SAMPLE V    waits until a daemon's metrics have that sample
//	recorded FILE           sets FIRST and LAST to when what replay -o json has played
//	                        began, and to 8 seconds before it ended: a window that
//	                        stays proven, however slow the machine is
//	posts [-ns NAMESPACE] [-time TIME] STATUS URL [TOKEN]
//	                        posts an alert, of shop and now unless said otherwise
//	asks STATUS URL SUBJECT PAYLOAD FILE
//	                        sends a request over NATS, and keeps the answer in FILE
//	[external]              a condition: daemons use a nats-server of their own
func TestScript(t *testing.T) {
	runScripts(t, "testdata/script", false)
}

// TestTransports runs the scripts of every way in, once with the embedded event
// log and once with a nats-server in a process of its own.
func TestTransports(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		runScripts(t, "testdata/script/transport", false)
	})
	t.Run("external", func(t *testing.T) {
		t.Parallel()
		runScripts(t, "testdata/script/transport", true)
	})
}

func runScripts(t *testing.T, dir string, external bool) {
	recordings, err := filepath.Abs("../../consumer/testdata/recordings")
	if err != nil {
		t.Fatal(err)
	}
	refuseBuiltinStop(t, dir)
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
			"terminate":    scriptTerminate,
			"crash":        scriptCrash,
			"nats":         scriptNATS,
			"certificates": scriptCertificates,
			"freeport":     scriptFreePort,
			"exits":        scriptExits,
			"await":        scriptAwait,
			"awaitfile":    scriptAwaitFile,
			"logged":       scriptLogged,
			"metric":       scriptMetric,
			"explained":    scriptExplained,
			"beforelast":   scriptBeforeLast,
			"recorded":     scriptRecorded,
			"posts":        scriptPosts,
			"asks":         scriptAsks,
		},
	})
}

// useExternal is the key of whether a script's daemons use a nats-server of their
// own.
type useExternal struct{}

// refuseBuiltinStop fails for a script with testscript's own stop, which ends it there
// without a word: all behind it would never run.
func refuseBuiltinStop(t *testing.T, dir string) {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	for _, script := range scripts {
		data, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("\nstop")) {
			t.Errorf("%s: stop ends the script; a daemon is ended by terminate", script)
		}
	}
}
