package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// question is what one recording is asked, and what the truth about it demands.
type question struct {
	namespace, severity string
	change              func(*client.Query) // of the rest of the question; nil for none

	verdict  verifier.Outcome
	reason   verifier.ReasonCode
	evidence verifier.Evidence // that was reached
	alerts   uint64            // in scope
	// gaps are the figures of all gaps by kind, as alerts or kernel events. Those
	// of the clock are left out.
	gaps gaps
}

// by is a question that accepts less evidence.
func by(e verifier.Evidence) func(*client.Query) {
	return func(q *client.Query) { q.Evidence = string(e) }
}

// TestRecordedFalcos plays every recording of a real Falco to a daemon of its own,
// over every output that was recorded, and asks about the scenario's window. What
// the truth does not allow to pass must not pass at any moment of it, and a daemon
// that is killed and started again answers the same.
func TestRecordedFalcos(t *testing.T) {
	for _, s := range scenarios {
		for _, stream := range s.streams {
			t.Run(s.name+"/"+stream, func(t *testing.T) {
				t.Parallel()
				p := playScenario(t, s, stream)
				var answers []string
				for _, q := range s.questions {
					answers = append(answers, p.want(t, q))
				}
				// The proof is in the log: a daemon that reads it anew gives the same
				// answers, by their own names.
				_, err := p.daemon.end(syscall.SIGKILL)
				require.NoError(t, err)
				p.startDaemon(t)
				for i, q := range s.questions {
					again := p.want(t, q)
					require.Equal(t, answers[i], again)
				}
				code, err := p.daemon.end(syscall.SIGTERM)
				require.NoError(t, err)
				require.Zero(t, code, p.daemon.log())
			})
		}
	}
}

// played is a daemon that has heard a recording.
type played struct {
	dir, socket string // its directory, and the Falco that it reads
	daemon      *daemon
	client      *client.Client
	start, end  time.Time // the scenario's window, moved as the recording was
}

const recordingsDir = "../../consumer/testdata/recordings"

// startDaemon starts the daemon, on the data that it left if it was there before.
func (p *played) startDaemon(t *testing.T) {
	t.Helper()
	d, err := startDaemon(p.dir, os.Environ(), "--falco", p.socket)
	require.NoError(t, err)
	t.Cleanup(func() {
		if !isExited(d.exited) {
			d.end(syscall.SIGKILL)
		}
	})
	require.NoError(t, d.waitReady(t.Context()))
	p.daemon = d
	p.client, err = client.New("http://"+d.api, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	require.NoError(t, err)
}

// playScenario starts a daemon, plays the recording, and returns once the daemon
// has stored and indexed all of it.
func playScenario(t *testing.T, s scenario, stream string) *played {
	t.Helper()
	sockets, err := os.MkdirTemp("", "fg")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(sockets) })
	p := &played{dir: t.TempDir(), socket: "unix://" + sockets + "/falco.sock"}
	p.startDaemon(t)

	file := s.file
	if file == "" {
		file = filepath.Join(recordingsDir, s.name, stream+".jsonl.gz")
	}
	file, err = filepath.Abs(file)
	require.NoError(t, err)
	to := []string{"--grpc", p.socket}
	if stream == "http" {
		to = []string{"--http", "http://" + p.daemon.ingest + "/"}
	}
	player, err := startProcess(asFalcogate, p.dir, os.Environ(),
		append([]string{"replay", file, "--rebase", "--as-fast-as-possible", "-o", "json"}, to...)...)
	require.NoError(t, err)
	t.Cleanup(func() { player.end(syscall.SIGKILL) })
	line, err := player.waitLine(`{"sent":`)
	require.NoError(t, err)
	var summary struct {
		Sent  uint64        `json:"sent"`
		Shift time.Duration `json:"shift_ns"`
		Last  time.Time     `json:"last"`
	}
	require.NoError(t, json.Unmarshal([]byte(line), &summary))

	facts, err := os.ReadFile(filepath.Join(recordingsDir, s.name, "scenario.json"))
	require.NoError(t, err)
	var window struct {
		Start time.Time `json:"window_start"`
		End   time.Time `json:"window_end"`
	}
	require.NoError(t, json.Unmarshal(facts, &window))
	p.start, p.end = window.Start.Add(summary.Shift), window.End.Add(summary.Shift)
	if p.end.After(summary.Last) {
		p.end = summary.Last // a recording that ends earlier ends now, and the future can't be asked about
	}
	require.NoError(t, eventually(t.Context(), func() error {
		for _, q := range s.questions {
			if v := p.ask(t, q); q.verdict != verifier.Pass && v.Passed {
				t.Fatalf("passed while the recording came: %+v: %+v", q, v)
			}
		}
		return p.heard(t.Context(), summary.Sent)
	}))
	return p
}

// heard wants so many messages in the index.
func (p *played) heard(ctx context.Context, want uint64) error {
	list, err := p.client.Sensors(ctx)
	if err != nil {
		return err
	}
	have := list.Unnamed
	for _, s := range list.Sensors {
		have += s.Alerts + s.Snapshots + s.Drops + s.Timeouts + s.Malformed
	}
	if have != want || !list.CaughtUp {
		return fmt.Errorf("%d messages are indexed, want %d", have, want)
	}
	return nil
}

// ask asks a question about the scenario's window.
func (p *played) ask(t *testing.T, q question) *verifier.Verdict {
	t.Helper()
	query := client.Query{
		Namespace: q.namespace, Severity: q.severity,
		Since: p.start.Format(time.RFC3339Nano), Until: p.end.Format(time.RFC3339Nano),
		// The recording was 30 to 50 s in the making and comes at once, so that the
		// sensor's clock seems to be behind by as much.
		ClockSkew: "5m",
	}
	if q.change != nil {
		q.change(&query)
	}
	v, err := p.client.Verdict(t.Context(), query, false)
	require.NoError(t, err)
	return v
}

// want asks the question, compares the answer with what it must be, and returns
// its name.
func (p *played) want(t *testing.T, q question) string {
	t.Helper()
	v := p.ask(t, q)
	what := fmt.Sprintf("%s at %s: %+v", q.namespace, q.severity, v)
	require.Equal(t, q.verdict, v.Verdict, what)
	require.Equal(t, q.verdict == verifier.Pass, v.Passed, what)
	require.Equal(t, q.reason, v.Reason, what)
	require.Equal(t, q.reason == verifier.ReasonCode(correlate.GapPending), v.Pending, what)
	require.Equal(t, q.evidence, v.Coverage.Evidence, what)
	require.Equal(t, q.alerts, v.AlertCount, what)
	have, byRule := gaps{}, uint64(0)
	for _, g := range v.Coverage.Gaps {
		if g.Kind == correlate.GapClockSkew {
			continue // where snapshots are missing and all comes at once, the clock may have been set forward
		}
		have[g.Kind] += g.AlertsMissing + g.QueueDrops + g.KernelDrops
		for _, n := range g.AlertsByRule {
			byRule += n
		}
	}
	want := q.gaps
	if want == nil {
		want = gaps{}
	}
	require.Equal(t, want, have, what)
	require.Equal(t, want[correlate.GapMissing], byRule, what)
	require.Equal(t, len(v.Coverage.Gaps), v.Coverage.GapCount, what)
	return v.ID
}
