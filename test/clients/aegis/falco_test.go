package aegis

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

// falco is a Falco whose standard output kubectl reads, and which sends the same to
// falcogate.
type falco struct {
	name    string
	started time.Time
	count   int // alerts that it has raised
	events  int
	drops   int
	lines   []line
	sent    int // how many of the lines falcogate was sent
}

type line struct {
	written time.Time
	text    string
}

func newFalco(name string, started time.Time) *falco { return &falco{name: name, started: started} }

// beat writes a metrics snapshot every two seconds in [from, to].
func (f *falco) beat(from, to time.Time) {
	for at := from; !at.After(to); at = at.Add(2 * time.Second) {
		f.events += 1000
		f.write(at, map[string]any{
			"hostname": f.name, "output": "Falco metrics snapshot", "priority": "Informational", "rule": "Falco internal: metrics snapshot", "source": "internal",
			"time": stamp(at), "output_fields": map[string]any{
				"evt.source": "syscall", "evt.time": at.UnixNano(), "falco.start_ts": f.started.UnixNano(), "falco.reload_ts": f.started.UnixNano(),
				"falco.rules.matches_total": f.count, "falco.rules.Terminal_shell_in_container": f.count, "falco.outputs_queue_num_drops": 0,
				"falco.num_evts": f.events, "scap.n_evts": f.events, "scap.n_drops": f.drops, "falco.version": "0.44.1", "scap.engine_name": "modern_bpf",
			},
		})
	}
}

// alert writes an alert, changed as a row needs it. A nil namespace is JSON's null.
func (f *falco) alert(at time.Time, namespace any, priority string, change ...func(map[string]any)) {
	f.count++
	a := map[string]any{
		"hostname": f.name, "priority": priority, "rule": "Terminal shell in container", "source": "syscall", "time": stamp(at),
		"output":        at.Format("15:04:05.000000000") + ": " + priority + " A shell was spawned in a container",
		"output_fields": map[string]any{"k8s.ns.name": namespace, "k8s.pod.name": "web-1", "container.id": "4d2f9b1c8a7e", "evt.time": at.UnixNano()},
	}
	for _, c := range change {
		c(a)
	}
	f.write(at, a)
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

func (f *falco) write(at time.Time, message map[string]any) {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err) // it is made of texts and numbers
	}
	f.lines = append(f.lines, line{at, string(text)})
}

// send sends falcogate the lines that it has not had yet.
func (f *falco) send(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	for _, l := range f.lines[f.sent:] {
		kind := "application/json"
		if !strings.HasPrefix(l.text, "{") {
			kind = "text/plain" // as Falco with json_output: false
		}
		res, err := http.Post(d.Ingest, kind, strings.NewReader(l.text))
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, res.Body)
		require.NoError(t, res.Body.Close())
	}
	f.sent = len(f.lines)
}

// without takes a member out of a message, with puts one of its output fields in place.
func without(name string) func(map[string]any) {
	return func(m map[string]any) { delete(m, name) }
}

func with(field string, value any) func(map[string]any) {
	return func(m map[string]any) { m["output_fields"].(map[string]any)[field] = value }
}
