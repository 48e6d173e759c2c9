package aegis

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/clients/documents"
)

// row is one thing that the scrape gets wrong, at a moment.
type row struct {
	n         int
	what      string
	flags     []string // of serve
	tell      func(c *cluster, now time.Time)
	namespace string        // shadow-1 unless set
	severity  string        // WARNING unless set
	since     time.Duration // how long ago; 30 s unless set
	until     time.Duration // how long ago the window ends; 3 s unless set
	then      func(t *testing.T, d *daemon.Daemon, c *cluster, r row, now time.Time)
	scrape    scraped
	ours      string // verdict and reason, or the problem's status
	count     uint64
}

// node is a Falco that has run for an hour.
func node(c *cluster, name string, now time.Time) *falco {
	f := newFalco(name, now.Add(-time.Hour))
	c.pods = append(c.pods, f)
	return f
}

// within are beats up to now, with what comes at an instant between them.
func within(f *falco, now time.Time, at time.Duration, what func(at time.Time)) {
	f.beat(now.Add(-60*time.Second), now.Add(-at))
	what(now.Add(-at).Add(time.Second))
	f.beat(now.Add(-at).Add(2*time.Second), now)
}

// oneAlert is a Falco that has raised one alert, a second less than a while ago.
func oneAlert(ago time.Duration, namespace any, priority string, change ...func(map[string]any)) func(*cluster, time.Time) {
	return func(c *cluster, now time.Time) {
		f := node(c, "node-a", now)
		within(f, now, ago, func(at time.Time) { f.alert(at, namespace, priority, change...) })
	}
}

const (
	passed  = "passed"
	skipped = "skipped"
)

var rows = []row{
	{
		n: 1, what: "one Critical, and eleven other lines after it: kubectl prints the last ten of each pod",
		tell:   oneAlert(26*time.Second, "shadow-1", "Critical"),
		scrape: scraped{passed: true}, ours: "fail alerts", count: 1,
	},
	{
		n: 2, what: "no pod of Falco matches the selector: no lines, and no error",
		tell:   func(*cluster, time.Time) {},
		scrape: scraped{passed: true}, ours: "inconclusive no_sensor",
	},
	{
		n: 3, what: "an alert 30 s into a run of 25 minutes: the scrape looks back ten at most", since: 25 * time.Minute,
		tell: func(c *cluster, now time.Time) {
			f := node(c, "node-a", now)
			f.alert(now.Add(-25*time.Minute+30*time.Second), "shadow-1", "Critical")
			f.beat(now.Add(-60*time.Second), now)
		},
		scrape: scraped{passed: true}, ours: "fail alerts", count: 1,
	},
	{
		n: 4, what: "an alert 4 s before T: minutes are rounded up, and its own time is not compared", since: 13 * time.Second,
		tell:   oneAlert(18*time.Second, "shadow-1", "Critical"),
		scrape: scraped{count: 1}, ours: "pass proven",
	},
	{
		n: 5, what: "an alert of shadow-10: the namespace is any part of the line",
		tell:   oneAlert(10*time.Second, "shadow-10", "Critical"),
		scrape: scraped{count: 1}, ours: "pass proven",
	},
	{
		n: 5, what: "an alert of ops whose command line names shadow-1",
		tell:   oneAlert(10*time.Second, "ops", "Critical", with("proc.cmdline", "kubectl exec -n shadow-1 web-1 -- sh")),
		scrape: scraped{count: 1}, ours: "pass proven",
	},
	{
		n: 5, what: "no name at all: it matches every line", namespace: "-",
		tell:   oneAlert(10*time.Second, "ops", "Critical"),
		scrape: scraped{count: 10}, ours: "400 namespace",
	},
	{
		n: 6, what: "a Critical whose k8s.ns.name is null: it is dropped",
		tell:   oneAlert(10*time.Second, nil, "Critical"),
		scrape: scraped{passed: true}, ours: "inconclusive unattributed",
	},
	{
		n: 7, what: "an Informational, with WARNING as threshold: it is a severity that the scrape does not know",
		tell:   oneAlert(10*time.Second, "shadow-1", "Informational"),
		scrape: scraped{count: 1}, ours: "pass proven",
	},
	{
		n: 7, what: "a Notice, with the typo WARN as threshold: everything matches", severity: "WARN",
		tell:   oneAlert(10*time.Second, "shadow-1", "Notice"),
		scrape: scraped{count: 1}, ours: "400 severity",
	},
	{
		n: 8, what: "Falco writes text, and a Notice's command line has the word critical: that is its severity",
		tell: func(c *cluster, now time.Time) {
			f := node(c, "node-a", now)
			f.beat(now.Add(-60*time.Second), now.Add(-10*time.Second))
			f.lines = append(f.lines, line{now.Add(-9 * time.Second), "06:30:00.000000000: Notice A shell was spawned (ns=shadow-1 cmdline=grep critical /var/log/app)"})
			f.beat(now.Add(-8*time.Second), now)
		},
		scrape: scraped{count: 1}, ours: "inconclusive malformed",
	},
	{
		n: 9, what: "a line without a priority: it always counts", severity: "CRITICAL",
		tell:   oneAlert(10*time.Second, "shadow-1", "Debug", without("priority")),
		scrape: scraped{count: 1}, ours: "inconclusive malformed",
	},
	{
		n: 10, what: "kubectl is not there, or does not end in time",
		tell: func(c *cluster, now time.Time) {
			c.missing = true
			oneAlert(10*time.Second, "shadow-1", "Critical")(c, now)
		},
		then: func(t *testing.T, d *daemon.Daemon, _ *cluster, _ row, _ time.Time) {
			d.Stop(t)
			out, code := d.Run(t, "check", "-n", "shadow-1", "--since", "30s", "-o", "aegis")
			require.Equal(t, 2, code)
			got := read(t, out)
			require.False(t, got.Passed)
			require.False(t, got.Skipped)
			require.Contains(t, got.Reason, "inconclusive: ")
			require.Contains(t, got.Stderr, "connection refused")
		},
		scrape: scraped{passed: true, skipped: true}, ours: "fail alerts", count: 1,
	},
	{
		n: 11, what: "a Critical on node-a while node-b can't be reached: kubectl fails, and what it has read is thrown away",
		flags: []string{"--sensor", "node-a", "--sensor", "node-b"},
		tell: func(c *cluster, now time.Time) {
			oneAlert(10*time.Second, "shadow-1", "Critical")(c, now)
			node(c, "node-b", now)
			c.refuses = "node-b"
		},
		then: func(t *testing.T, d *daemon.Daemon, _ *cluster, r row, now time.Time) {
			status, body := ask(t, d, r.query(now))
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, body, `"sensor":"node-b"`, "the node is named in the coverage")
		},
		scrape: scraped{passed: true, skipped: true}, ours: "fail alerts", count: 1,
	},
	{
		n: 12, what: "Falco has dropped kernel events",
		tell: func(c *cluster, now time.Time) {
			f := node(c, "node-a", now)
			within(f, now, 10*time.Second, func(time.Time) { f.drops += 5000 })
		},
		scrape: scraped{passed: true}, ours: "inconclusive kernel_drops",
	},
	{
		n: 12, what: "Falco was restarted",
		tell: func(c *cluster, now time.Time) {
			f := node(c, "node-a", now)
			within(f, now, 10*time.Second, func(at time.Time) { f.started, f.events = at, 0 })
		},
		scrape: scraped{passed: true}, ours: "inconclusive restarted",
	},
	{
		n: 13, what: "a T in the future: the window is one minute", since: -time.Hour,
		tell: func(c *cluster, now time.Time) {
			f := node(c, "node-a", now)
			f.beat(now.Add(-60*time.Second), now)
		},
		scrape: scraped{passed: true}, ours: "400 since",
	},
	{
		n: 14, what: "an alert that is on its way when the question is asked", until: -1,
		tell: func(c *cluster, now time.Time) {
			f := node(c, "node-a", now)
			f.beat(now.Add(-60*time.Second), now.Add(-time.Second))
		},
		then: func(t *testing.T, d *daemon.Daemon, c *cluster, r row, now time.Time) {
			f := c.pods[0]
			f.alert(now.Add(-500*time.Millisecond), "shadow-1", "Critical")
			f.send(t, d)
			status, body := ask(t, d, r.query(now))
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, body, `"verdict":"fail"`, "once it has come")
		},
		scrape: scraped{passed: true}, ours: "inconclusive pending",
	},
}

// query is what falcogate is asked about a row.
func (r row) query(now time.Time) url.Values {
	q := url.Values{"namespace": {"shadow-1"}, "severity": {"warning"}}
	if r.namespace != "" {
		q.Set("namespace", strings.TrimPrefix(r.namespace, "-"))
	}
	if r.severity != "" {
		q.Set("severity", r.severity)
	}
	since, until := r.since, r.until
	if since == 0 {
		since = 30 * time.Second
	}
	if until == 0 {
		until = 3 * time.Second
	}
	q.Set("since", stamp(now.Add(-since)))
	if since > 0 {
		q.Set("until", stamp(now.Add(-max(0, until))))
	}
	return q
}

// ask asks for a verdict.
func ask(t *testing.T, d *daemon.Daemon, q url.Values) (status int, body string) {
	t.Helper()
	res, err := http.Get(d.URL + "/v1/verdict?" + q.Encode())
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, string(text)
}

// answer is what a caller of the scrape reads, and the rest.
type answer struct {
	Tool              string            `json:"tool"`
	Passed            bool              `json:"passed"`
	Skipped           bool              `json:"skipped"`
	Reason            string            `json:"reason"`
	NamespaceFilter   string            `json:"namespace_filter"`
	FalcoNamespace    string            `json:"falco_namespace"`
	LabelSelector     string            `json:"label_selector"`
	SinceTimestamp    string            `json:"since_timestamp"`
	SinceMinutes      int               `json:"since_minutes"`
	SeverityThreshold string            `json:"severity_threshold"`
	AlertCount        uint64            `json:"alert_count"`
	Summary           map[string]uint64 `json:"summary"`
	Alerts            []json.RawMessage `json:"alerts"`
	RawLinesCount     uint64            `json:"raw_lines_count"`
	Stderr            string            `json:"stderr"`
}

// read reads an answer, which has these members and no others.
func read(t *testing.T, text string) (a answer) {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &members), text)
	require.Len(t, members, 15)
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&a))
	require.Equal(t, "falco", a.Tool)
	require.False(t, a.Skipped, "nothing is ever skipped")
	require.NotNil(t, a.Alerts)
	require.Len(t, a.Summary, 4)
	return a
}

// Each thing that the scrape gets wrong, by both on the same lines.
func TestWhatTheScrapeGetsWrong(t *testing.T) {
	var table strings.Builder
	table.WriteString("| # | case | the scrape | falcogate |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		t.Run(fmt.Sprintf("%d %s", r.n, r.what), func(t *testing.T) {
			// What the node has written was sent all at once: it looks like a clock that is behind.
			d := daemon.Start(t, append([]string{"--clock-skew", "10m"}, r.flags...)...)
			now := time.Now().UTC()
			c := cluster{}
			r.tell(&c, now)
			for _, pod := range c.pods {
				if pod.name != c.refuses {
					pod.send(t, d)
				}
			}
			q := r.query(now)
			threshold, since := q.Get("severity"), now.Add(-30*time.Second)
			if r.since != 0 {
				since = now.Add(-r.since)
			}
			got := scrape(c, q.Get("namespace"), since, threshold, now)
			require.Equal(t, r.scrape, got, "the scrape")

			status, body := ask(t, d, q)
			ours := ours(t, status, body)
			require.Equal(t, r.ours, ours, body)
			q.Set("format", "aegis")
			again, dict := ask(t, d, q)
			require.Equal(t, status, again)
			if status == http.StatusOK {
				a := read(t, dict)
				require.Equal(t, strings.HasPrefix(r.ours, "pass"), a.Passed)
				require.Equal(t, strings.HasPrefix(r.ours, "inconclusive"), strings.HasPrefix(a.Reason, "inconclusive: "), a.Reason)
				require.Equal(t, r.count, a.AlertCount)
				require.Len(t, a.Alerts, int(r.count))
				require.Equal(t, q.Get("namespace"), a.NamespaceFilter)
			}
			if r.then != nil {
				r.then(t, d, &c, r, now)
			}
			fmt.Fprintf(&table, "| %d | %s | %s | %s |\n", r.n, r.what, told(got), strings.ReplaceAll(ours, " ", ", "))
		})
	}
	if !t.Failed() {
		documents.Table(t, "aegis.md", "| # | case |", table.String())
	}
}

// ours is a verdict and its reason, or a problem's status and parameter.
func ours(t *testing.T, status int, body string) string {
	t.Helper()
	var a struct{ Verdict, Reason, Parameter string }
	require.NoError(t, json.Unmarshal([]byte(body), &a), body)
	if status != http.StatusOK {
		return strconv.Itoa(status) + " " + a.Parameter
	}
	return a.Verdict + " " + a.Reason
}

func told(s scraped) string {
	switch {
	case s.skipped:
		return passed + ", " + skipped
	case s.passed:
		return passed
	}
	return fmt.Sprintf("failed, %d counted", s.count)
}
