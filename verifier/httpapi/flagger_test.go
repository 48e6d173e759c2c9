package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/httpapi"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// hook is what Flagger sends of a canary under way, with metadata.
func hook(metadata string) string {
	return `{"name":"web","namespace":"shop","phase":"Progressing","checksum":"5f8c9","metadata":{` + metadata + `}}`
}

// call calls a hook, and sees that the answer is one line of text.
func (r *rig) call(t *testing.T, hook, body string) (status int, line string, header http.Header) {
	t.Helper()
	res, text := r.do(t, http.MethodPost, "/v1/flagger/"+hook, "application/json", body)
	require.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"), text)
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	line, end := strings.CutSuffix(text, "\n")
	require.True(t, end)
	require.NotContains(t, line, "\n")
	require.LessOrEqual(t, len([]rune(line)), 500)
	require.NotEqual(t, http.StatusNoContent, res.StatusCode, "Flagger takes that for a failure")
	return res.StatusCode, line, res.Header
}

// Each verdict as each of the hooks tells it.
func TestFlaggerHooks(t *testing.T) {
	ofRule := func(rule string) *correlate.Alert {
		a := inPod("shop", "web-5f8c9-x", time.Minute, correlate.Critical)
		a.Rule = rule
		return a
	}
	for name, tc := range map[string]struct {
		log            []correlate.Body
		metadata       string
		gate, rollback int
		line           string
	}{
		"pass":         {nil, `"since":"10m","evidence":"none"`, 200, 409, "pass: NOT PROVEN"},
		"fail":         {[]correlate.Body{ofRule("Shell")}, `"since":"10m"`, 409, 200, `fail: 1 alert at Warning or above in namespace shop; the most severe is Critical. The newest is "Shell" in pod web-5f8c9-x at 2026-11-23T06:29:00Z. Window 2026-11-23T06:20:00Z to 2026-11-23T06:30:00Z.`},
		"inconclusive": {nil, `"since":"10m"`, 503, 409, "inconclusive: No Falco was heard of"},
		"not to retry": {nil, `"since":"10m","on_inconclusive":"fail"`, 409, 409, "inconclusive: No Falco was heard of"},
		"to retry":     {nil, `"since":"10m","on_inconclusive":"retry"`, 503, 409, "inconclusive: No Falco was heard of"},
		"a fail is one however inconclusives are told": {[]correlate.Body{ofRule("Shell")}, `"since":"10m","on_inconclusive":"retry"`, 409, 200, "fail: 1 alert"},
		"severity":            {[]correlate.Body{ofRule("Shell")}, `"since":"10m","severity":"EMERGENCY","evidence":"none"`, 200, 409, "pass:"},
		"pods":                {[]correlate.Body{ofRule("Shell")}, `"since":"10m","pod":"web-primary-*","evidence":"none"`, 200, 409, "pass:"},
		"another namespace":   {[]correlate.Body{ofRule("Shell")}, `"since":"10m","namespace":"cart","evidence":"none"`, 200, 409, "pass:"},
		"before":              {[]correlate.Body{ofRule("Shell")}, `"since":"30s","evidence":"none"`, 200, 409, "pass:"},
		"rules that are not":  {[]correlate.Body{ofRule("Shell")}, `"since":"10m","rules":"Miner, Other","evidence":"none"`, 200, 409, "pass:"},
		"rules, the last one": {[]correlate.Body{ofRule("Shell")}, `"since":"10m","rules":"Miner,Shell","evidence":"none"`, 409, 200, "fail: 1 alert"},
		"rules must be there": {nil, `"since":"10m","rules":"Miner","evidence":"heard"`, 503, 409, "inconclusive: "},
		"settle":              {nil, `"since":"10m","settle":"2s","evidence":"none"`, 200, 409, "pass:"},
		"the first":           {nil, `"evidence":"none"`, 503, 409, "inconclusive: this is the first that is heard of this revision of shop/web, so that alerts count from now on, 2026-11-23T06:30:00Z; "},
	} {
		t.Run(name, func(t *testing.T) {
			// The clock stands still, so that nothing would end the waiting.
			body := hook(`"wait":"0",` + tc.metadata)
			for path, want := range map[string]int{"gate": tc.gate, "rollback": tc.rollback} {
				r := start(t, nil)
				r.log.Append(clock, tc.log...)
				status, line, header := r.call(t, path, body)
				require.Equal(t, want, status, line)
				require.Contains(t, line, tc.line)
				require.Equal(t, map[bool]string{true: "5"}[want == 503], header.Get("Retry-After"))
				if path == "rollback" && want == 409 {
					require.True(t, strings.HasPrefix(line, "no reason to roll back: "))
				}
			}
		})
	}
}

// Alerts count from the first that was heard of a revision on, whoever was told.
func TestFlaggerStart(t *testing.T) {
	var minutesAgo atomic.Int64
	store := memlog.NewGates()
	r := start(t, func(o *httpapi.Options) {
		o.Rollouts = verifier.NewRollouts(store, func() time.Time { return clock.Add(-time.Duration(minutesAgo.Load()) * time.Minute) })
	})
	r.log.Append(clock, inPod("shop", "web", 15*time.Minute, correlate.Critical))
	say := func(path, phase, checksum, metadata string) (int, string) {
		status, line, _ := r.call(t, path, fmt.Sprintf(`{"name":"web","namespace":"shop","phase":%q,"checksum":%q,"metadata":{%s}}`, phase, checksum, metadata))
		return status, line
	}
	const trust = `"evidence":"none","wait":"0"`
	event := `"eventMessage":"New revision detected!","eventType":"Normal","timestamp":"1795760400000"`

	status, line := say("gate", "Succeeded", "v1", trust)
	require.Equal(t, 503, status)
	require.Contains(t, line, "before its rollout was over (phase Succeeded)")
	status, line = say("gate", "Succeeded", "v1", trust+`,"since":"10m"`)
	require.Equal(t, 200, status, line)

	minutesAgo.Store(20)
	status, line = say("event", "Progressing", "v1", event)
	require.Equal(t, 200, status)
	require.Equal(t, "noted: alerts count since 2026-11-23T06:10:00Z", line)
	minutesAgo.Store(10)
	status, line = say("gate", "Progressing", "v2", trust)
	require.Equal(t, 409, status, "the event came before the alert: %s", line)
	status, line = say("gate", "Progressing", "v2", trust+`,"since":"1m"`)
	require.Equal(t, 409, status, "what is known of the rollout counts: %s", line)
	status, line = say("rollback", "Progressing", "v2", trust)
	require.Equal(t, 200, status, line)

	status, line = say("event", "Failed", "v2", event)
	require.Equal(t, 200, status, line)
	minutesAgo.Store(5)
	status, line = say("gate", "Progressing", "v3", trust)
	require.Equal(t, 503, status)
	require.Contains(t, line, "alerts count from now on, 2026-11-23T06:25:00Z")
	status, line = say("gate", "Progressing", "v3", trust)
	require.Equal(t, 200, status, line)
	require.Contains(t, line, "Window 2026-11-23T06:25:00Z to 2026-11-23T06:30:00Z.")

	// Another replica's clock is ahead.
	minutesAgo.Store(-1)
	_, _ = say("event", "Succeeded", "v3", event)
	_, _ = say("gate", "Progressing", "v4", trust)
	status, line = say("gate", "Progressing", "v4", trust)
	require.Equal(t, 503, status)
	require.Contains(t, line, "alerts count from now on, 2026-11-23T06:31:00Z")

	store.Break(errors.New("connection refused"))
	status, line = say("gate", "Progressing", "v5", trust+`,"since":"10m"`)
	require.Equal(t, 503, status)
	require.Equal(t, "the event log, which keeps since when alerts count for a canary, can't be reached at present: nothing is known", line)
}

// The primary's pods are not the canary's: by their owner they are told apart, and by a
// pattern of names they are not.
func TestFlaggerPrimary(t *testing.T) {
	r := start(t, nil)
	of := func(name, workload string) correlate.Placement {
		at := clock.Add(-10 * time.Minute)
		return correlate.Placement{
			UID: name, Pod: name, Created: at, Scheduled: at, Started: at, Containers: []string{"of-" + name},
			Workload: correlate.Owner{Kind: "deployment", Name: workload},
		}
	}
	r.pods(of("web-5f8c9-x", "web"), of("web-primary-7d9f8-y", "web-primary"))
	r.log.Append(clock, inPod("shop", "web-primary-7d9f8-y", time.Minute, correlate.Critical))
	const ask = `"wait":"0","evidence":"none","since":"5m",`
	for metadata, want := range map[string]int{
		`"owner":"deployment/web"`:         200,
		`"owner":"deployment/web-primary"`: 409,
		`"pod":"web-*"`:                    409,
		`"severity":"warning"`:             409,
	} {
		status, line, _ := r.call(t, "gate", hook(ask+metadata))
		require.Equal(t, want, status, "%s: %s", metadata, line)
	}
}

// An older Flagger sends no checksum: then since alone counts.
func TestFlaggerWithoutChecksum(t *testing.T) {
	r := start(t, nil)
	r.log.Append(clock, inPod("shop", "web", 15*time.Minute, correlate.Critical))
	say := func(path, metadata string) (int, string) {
		status, line, _ := r.call(t, path, `{"name":"web","namespace":"shop","phase":"Progressing","metadata":{"wait":"0","evidence":"none"`+metadata+`}}`)
		return status, line
	}
	for range 2 {
		status, line := say("gate", "")
		require.Equal(t, 503, status)
		require.Contains(t, line, "sends no checksum")
		status, line = say("gate", `,"since":"10m"`)
		require.Equal(t, 200, status, line)
		status, line = say("gate", `,"since":"20m"`)
		require.Equal(t, 409, status, line)
		status, line = say("event", "")
		require.Equal(t, 200, status)
		require.Equal(t, "not noted: the event has no checksum", line)
	}
}

// A hook that may be held for longer than other requests is.
func TestFlaggerHeld(t *testing.T) {
	r := start(t, nil)
	r.log.Append(clock, &correlate.Snapshot{Hostname: "node-a", Time: clock, EventSource: "syscall"})
	answered := make(chan string, 1)
	go func() {
		res, err := r.http.Post(r.base+"/v1/flagger/gate", "application/json", strings.NewReader(hook(`"since":"10m","evidence":"heard","wait":"10m"`)))
		if err != nil {
			answered <- err.Error()
			return
		}
		line, _ := io.ReadAll(res.Body) // what is missing shows
		_ = res.Body.Close()
		answered <- fmt.Sprint(res.StatusCode, " ", string(line))
	}()
	require.Eventually(t, func() bool {
		r.log.Append(clock, inPod("shop", "web", time.Minute, correlate.Critical))
		select {
		case line := <-answered:
			require.Contains(t, line, "409 fail: ")
			return true
		default:
			return false
		}
	}, 20*time.Second, 10*time.Millisecond)
}

// full is a server that knows as many canaries as may be.
type full struct{}

func (full) Hear(context.Context, verifier.RolloutMessage) (verifier.Rollout, error) {
	return verifier.Rollout{}, verifier.ErrTooManyRollouts
}

func TestFlaggerTooMany(t *testing.T) {
	r := start(t, func(o *httpapi.Options) { o.Rollouts = full{} })
	for _, path := range []string{"gate", "rollback", "event"} {
		status, line, header := r.call(t, path, hook(`"since":"10m"`))
		require.Equal(t, http.StatusTooManyRequests, status)
		require.Contains(t, line, "10000 canaries are known")
		require.Equal(t, "60", header.Get("Retry-After"))
	}
}

// What is wrong with a hook is said in a line that Flagger shows.
func TestFlaggerMistakes(t *testing.T) {
	r := start(t, nil)
	for body, want := range map[string]string{
		hook(`"severity":"WARN"`):                            "severity: ",
		hook(`"severty":"warning"`):                          "severty: unknown parameter: want ",
		hook(`"since":""`):                                   "since: is empty",
		hook(`"since":"yesterday"`):                          "since: ",
		hook(`"until":"1m"`):                                 "until: unknown parameter",
		hook(`"as_of":"1"`):                                  "as_of: unknown parameter",
		hook(`"eventMessage":"x"`):                           "eventMessage: unknown parameter",
		hook(`"settle":"1s","settling":"2s"`):                "settle: the same as settling",
		hook(`"rules":","`):                                  "rules: want 1 to 16",
		hook(`"on_inconclusive":"pass"`):                     `on_inconclusive: want retry or fail, have "pass"`,
		hook(`"since":"10m","pod":"["`):                      "pod: ",
		hook(`"wait":"11m","since":"10m"`):                   "wait: want 0 to 10m0s",
		hook(`"severity":5`):                                 "metadata.severity: want a string",
		`{"name":7}`:                                         "name: want a string",
		`[]`:                                                 "the body is none that Flagger sends",
		`{"name":"web","name":"x"}`:                          "the body is none that Flagger sends",
		`{"name":"web","namespace":"shop","checksum":"a b"}`: "checksum: want 1 to 128",
		`{"name":"Web","namespace":"shop","checksum":"a"}`:   "name: want the name of a canary",
		`{"namespace":"","checksum":"a"}`:                    "namespace: required",
		`{"name":"web","namespace":"shop","checksum":"a"}`:   "phase: required",
		`{"name":"web","namespace":"shop","checksum":"a","phase":"X","metadata":{"namespace":"Shop"}}`:             "can be no namespace",
		`{"name":"web","namespace":"shop","checksum":"a","phase":"X","metadata":{"since":"2027-01-01T00:00:00Z"}}`: "since: ",
	} {
		status, line, _ := r.call(t, "gate", body)
		require.Equal(t, http.StatusBadRequest, status, "%s: %s", body, line)
		require.Contains(t, line, want, body)
	}
	status, line, _ := r.call(t, "gate", hook(`"rule":"`+strings.Repeat("x", 70<<10)+`"`))
	require.Equal(t, http.StatusRequestEntityTooLarge, status, line)
	res, text := r.do(t, http.MethodPost, "/v1/flagger/gate", "text/plain", hook(""))
	require.Equal(t, http.StatusUnsupportedMediaType, res.StatusCode)
	require.Contains(t, text, "application/json")
	// An event decides nothing: what it does not know is somebody else's.
	status, line, _ = r.call(t, "event", hook(`"severty":"x","eventMessage":"Halt"`))
	require.Equal(t, http.StatusOK, status, line)
}

// Flagger sends no headers: the token comes with the metadata, and counts as any other.
func TestFlaggerToken(t *testing.T) {
	g := startGuarded(t, "token", nil)
	call := func(caller, metadata string) (int, string) {
		res, body := g.as(t, caller, "POST /v1/flagger/gate "+hook(metadata))
		return res.StatusCode, body
	}
	const ask = `"wait":"0","evidence":"none","since":"10m"`
	status, line := call(nobody, ask+`,"token":"`+tokenOf(newShop)+`"`)
	require.Equal(t, 200, status, line)
	require.NotContains(t, line, tokenOf(newShop))
	status, line = call(nobody, ask+`,"token":"`+tokenOf(getShop)+`"`)
	require.Equal(t, 403, status)
	require.Contains(t, line, `"get-shop" may not`)
	status, line = call(nobody, ask+`,"token":"no token of ours"`)
	require.Equal(t, 401, status)
	require.NotContains(t, line, "no token of ours")
	status, _ = call(unknown, ask+`,"token":"`+tokenOf(newShop)+`"`)
	require.Equal(t, 401, status, "the header goes first")
	require.NotContains(t, g.log.String(), tokenOf(newShop))
}

func FuzzFlaggerHook(f *testing.F) {
	for _, seed := range []string{hook(`"since":"10m"`), hook(`"rules":"a,b","on_inconclusive":"fail"`), `{}`, `[]`, `{"metadata":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := httpapi.ReadHook(body, clock)
		if err != nil {
			return
		}
		// Whatever it asks is a question about one namespace, from where the rollout begins.
		require.NotEmpty(t, q["namespace"])
		require.NotContains(t, q, "start")
		require.NotContains(t, q, "token")
		_, err = json.Marshal(q)
		require.NoError(t, err)
	})
}
