package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

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
	ts.Setenv(args[0]+"_METRICS", cmp.Or(d.metrics, d.api))
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

func scriptTerminate(ts *testscript.TestScript, _ bool, args []string) {
	p := named(ts, args)
	code, err := p.end(syscall.SIGTERM)
	ts.Check(err)
	if code != 0 {
		ts.Fatalf("%s ended with %d after SIGTERM:\n%s", args[0], code, p.log())
	}
}

func scriptCrash(ts *testscript.TestScript, _ bool, args []string) {
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

// scriptBeforeLast sets a variable to a time before the last message of a replay, whose
// summary is in stdout: however long what follows takes, it is the same window.
func scriptBeforeLast(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: beforelast VAR DURATION")
	}
	before, err := time.ParseDuration(args[1])
	ts.Check(err)
	var played struct{ Last time.Time }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &played))
	ts.Setenv(args[0], played.Last.Add(-before).UTC().Format(time.RFC3339Nano))
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

// scriptExplained asks a daemon to explain the verdict in a file, which must come
// out the same.
func scriptExplained(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: explained NAME FILE")
	}
	var verdict struct {
		ID string `json:"id"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &verdict))
	if code := exitCode(ts, []string{"falcogate", "explain", verdict.ID, "--server", "http://" + ts.Getenv(args[0]+"_API")}); code != 0 {
		ts.Fatalf("exit code %d, want 0", code)
	}
}

// scriptRecorded reads when a recording was played to.
func scriptRecorded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: recorded FILE")
	}
	var played struct{ First, Last time.Time }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &played))
	ts.Setenv("FIRST", played.First.Format(time.RFC3339Nano))
	ts.Setenv("LAST", played.Last.Add(-8*time.Second).Format(time.RFC3339Nano))
}

// scriptMetric wants a sample of a daemon's metrics, once it has come.
func scriptMetric(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: metric NAME SAMPLE VALUE")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ts.Check(eventually(context.Background(), func() error {
		resp, err := client.Get("http://" + ts.Getenv(args[0]+"_METRICS") + "/metrics")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		if !strings.Contains("\n"+string(text), "\n"+args[1]+" "+args[2]+"\n") {
			return fmt.Errorf("no sample %s %s in\n%s", args[1], args[2], text)
		}
		return nil
	}))
}

// scriptPosts posts an alert, with a token in the Authorization header if one is given,
// and wants a status.
func scriptPosts(ts *testscript.TestScript, neg bool, args []string) {
	flags := flag.NewFlagSet("posts", flag.ContinueOnError)
	namespace := flags.String("ns", "shop", "")
	at := flags.String("time", time.Now().UTC().Format(time.RFC3339Nano), "")
	ts.Check(flags.Parse(args))
	if args = flags.Args(); neg || len(args) < 2 {
		ts.Fatalf("usage: posts [-ns NAMESPACE] [-time TIME] STATUS URL [TOKEN]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	body := fmt.Sprintf(`{"hostname":"node-a","output":"o","output_fields":{"k8s.ns.name":%q},"priority":"Critical","rule":"r","source":"syscall","tags":[],"time":%q}`, *namespace, *at)
	req, err := http.NewRequest(http.MethodPost, args[1], strings.NewReader(body))
	ts.Check(err)
	if len(args) > 2 {
		req.Header.Set("Authorization", "Bearer "+args[2])
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	ts.Check(err)
	resp.Body.Close()
	if resp.StatusCode != want {
		ts.Fatalf("status %d, want %d", resp.StatusCode, want)
	}
}
