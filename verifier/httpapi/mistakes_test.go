package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// beats logs a metrics snapshot every five seconds of the twenty minutes up to now, as it is
// changed.
func (r *rig) beats(ruled bool, change func(*correlate.Snapshot)) {
	id := correlate.RulesetID{7}
	if ruled {
		r.log.Append(clock.Add(-time.Hour), &correlate.Ruleset{Hostname: "node-a", ID: id, Rules: []string{"Terminal_shell_in_container"}})
	}
	counter := func(n uint64) correlate.Counter { return correlate.Counter{N: n, Reported: true} }
	for n := uint64(1); n <= 240; n++ {
		at := clock.Add(-20 * time.Minute).Add(time.Duration(n) * 5 * time.Second)
		s := &correlate.Snapshot{
			Hostname: "node-a", Time: at, EventSource: "syscall", Run: correlate.Run{StartTS: 1, ReloadTS: 1}, Ruleset: id, RuleMatches: []uint64{0},
			MatchesTotal: counter(0), QueueDrops: counter(0), EventsProcessed: counter(1000 * n), KernelEvents: counter(1000 * n), KernelDrops: counter(0),
		}
		if change != nil {
			change(s)
		}
		r.log.Append(at.Add(5*time.Millisecond), s)
	}
}

// pod logs that a pod of shop is on node-a since a time, and that all others are known.
func (r *rig) pod(since time.Time) {
	r.pods(correlate.Placement{UID: "1", Pod: "web-1", Created: since, Scheduled: since, Started: since})
}

// pods logs that pods of shop are on node-a, and that all others are known.
func (r *rig) pods(all ...correlate.Placement) {
	told := correlate.Told{Watcher: "w", Session: 1}
	mark := func(at time.Time, phase correlate.WatchPhase, asOf uint64) uint64 {
		told.Number++
		r.log.Append(at, &correlate.Watch{Told: told, Phase: phase, AsOf: asOf})
		return told.Number
	}
	begun := clock.Add(-30 * time.Minute)
	asOf := mark(begun, correlate.Watching, 0)
	mark(begun, correlate.Listing, asOf)
	mark(begun, correlate.Listed, asOf)
	for _, p := range all {
		told.Number++
		p.Told, p.Namespace, p.Node = told, "shop", "node-a"
		r.log.Append(p.Scheduled, &p)
	}
	last := mark(clock, correlate.Watching, 0)
	mark(clock, correlate.Watching, last)
}

// mistake is one that users make, and the words that tell what to change.
type mistake struct {
	what      string
	tell      func(*rig)
	namespace string // shop unless set
	since     string // 10m unless set
	passes    bool
	behind    bool   // it shows in a window that has ended for some time
	caller    string // who asks; with rights for all unless set
	want      string
}

var mistakes = []mistake{
	{
		what: "the namespace is misspelt (with `--kubernetes`)", namespace: "shpo", behind: true,
		tell: func(r *rig) { r.pod(clock.Add(-time.Hour)); r.beats(true, nil) }, want: "Check the name, and whether its pods have started: kubectl get pods -n shpo",
	},
	{
		what: "T was taken after the deploy", passes: true,
		tell: func(r *rig) { r.pod(clock.Add(-10*time.Minute - 40*time.Second)); r.beats(true, nil) }, want: "ask since 2026-11-23T06:19:20Z",
	},
	{what: "no Falco sends anything", tell: func(*rig) {}, want: "Connect Falco (--falco, --ingest-listen)"},
	{
		what: "Falco's metrics are off",
		tell: func(r *rig) { r.log.Append(clock.Add(-time.Hour), inPod("cart", "web", time.Hour, correlate.Notice)) },
		want: "set metrics.enabled and metrics.output_rule: true",
	},
	{
		what: "Falco does not count by rule", behind: true,
		tell: func(r *rig) {
			r.beats(false, func(s *correlate.Snapshot) {
				s.Ruleset, s.RuleMatches, s.MatchesTotal = correlate.RulesetID{}, nil, correlate.Counter{}
			})
		},
		want: "Set metrics.rules_counters_enabled",
	},
	{
		what: "a node's clock is off", behind: true,
		tell: func(r *rig) { r.beats(true, func(s *correlate.Snapshot) { s.Time = s.Time.Add(-30 * time.Second) }) },
		want: "Keep the clocks in step (NTP)",
	},
	{what: "the asker's clock is ahead", since: "2026-11-23T06:31:00Z", tell: func(r *rig) { r.beats(true, nil) }, want: "Keep the clocks of who asks and of falcogate in step (NTP)"},
	{
		what: "a second reader takes a share of the alerts", behind: true,
		tell: func(r *rig) {
			n := 0
			r.beats(true, func(s *correlate.Snapshot) {
				if n++; n > 200 {
					s.RuleMatches[0], s.MatchesTotal.N = 1, 1
				}
			})
		},
		want: "Look for a second reader of Falco's gRPC output",
	},
	{what: "a token without the right", caller: scraper, tell: func(*rig) {}, want: "on verdicts.falcogate.dev in that namespace"},
	{what: "no token", caller: nobody, tell: func(*rig) {}, want: "--token-file"},
}

// Each mistake is told in one line that says what to change, to whoever asks in whichever
// way. The lines are those of the document.
func TestCommonMistakes(t *testing.T) {
	var table strings.Builder
	table.WriteString("| mistake | what falcogate says |\n| --- | --- |\n")
	for _, m := range mistakes {
		t.Run(m.what, func(t *testing.T) {
			g := startGuarded(t, "kubernetes", nil)
			m.tell(g.rig)
			if m.namespace == "" {
				m.namespace = "shop"
			}
			if m.since == "" {
				m.since = "10m"
			}
			if m.caller == "" {
				m.caller = bothAll
			}
			q := url.Values{"namespace": {m.namespace}, "since": {m.since}, "until": {"1m"}, "clock_skew": {"2s"}, "settling": {"1s"}}
			if strings.HasPrefix(m.since, "2026") {
				q.Del("until")
			}
			line := g.line(t, m.caller, "GET /v1/verdict?"+q.Encode())
			require.Contains(t, line, m.want)
			require.NotContains(t, line, "\n")
			require.LessOrEqual(t, len(line), 500)

			q.Set("format", "aegis")
			require.Contains(t, g.line(t, m.caller, "GET /v1/verdict?"+q.Encode()), m.want, "AEGIS")
			gate := fmt.Sprintf(`{"name":"web","namespace":%q,"phase":"Progressing","checksum":"a","metadata":{"since":%q,"wait":"0","clock_skew":"2s","on_inconclusive":"fail"}}`, m.namespace, m.since)
			res, text := g.as(t, m.caller, "POST /v1/flagger/gate "+gate)
			if !m.passes {
				require.GreaterOrEqual(t, res.StatusCode, 400)
			}
			if !m.passes && !m.behind { // the hook's window ends now, and so what is pending comes first
				require.Contains(t, text, m.want, "Flagger")
			}
			fmt.Fprintf(&table, "| %s | %s |\n", m.what, strings.ReplaceAll(line, "|", `\|`))
		})
	}
	if !t.Failed() {
		requireTable(t, "../../docs/clients/README.md", "| mistake |", table.String())
	}
}

// line is what an answer says in a line: a verdict's message, AEGIS' reason or a problem's
// detail.
func (g *guardedRig) line(t *testing.T, caller, request string) string {
	t.Helper()
	res, body := g.as(t, caller, request)
	var a struct{ Message, Reason, Detail, Parameter string }
	require.NoError(t, json.Unmarshal([]byte(body), &a), body)
	switch {
	case res.StatusCode != http.StatusOK && a.Parameter != "":
		return a.Parameter + ": " + a.Detail
	case res.StatusCode != http.StatusOK:
		return a.Detail
	case a.Message != "":
		return a.Message
	}
	return a.Reason
}

// requireTable holds a table of a document to what the test has seen; with -update it is
// written.
func requireTable(t *testing.T, path, head, table string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), head)
	require.True(t, found, "%s has no table that begins with %q", path, head)
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + table + "\n" + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(text), "run the test with -update")
}
