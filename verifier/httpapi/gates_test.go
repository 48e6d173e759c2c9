package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
	"github.com/falcogate/falcogate/verifier/httpapi"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// gate reads a gate from an answer.
func gate(t *testing.T, body string) (g verifier.Gate) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&g), body)
	return g
}

// post sends JSON.
func (r *rig) post(t *testing.T, path, body string) (head, string) {
	t.Helper()
	return r.do(t, http.MethodPost, path, "application/json", body)
}

func TestGateOverHTTP(t *testing.T) {
	r := start(t, nil)
	const spec = `{"id":"deploy-7","ns":"shadow-1","since":"10m","duration":"15m","labels":{"run":"7"},"severity":"error"}`
	res, body := r.post(t, "/v1/gates", spec)
	require.Equal(t, http.StatusCreated, res.StatusCode, body)
	require.Equal(t, "/v1/gates/deploy-7", res.Header.Get("Location"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	opened := gate(t, body)
	require.Equal(t, verifier.GateOpen, opened.State)
	require.Equal(t, clock.Add(5*time.Minute), opened.End)
	require.Equal(t, clock.Add(10*time.Minute), opened.Deadline)
	require.Equal(t, correlate.Error, opened.Severity)

	res, again := r.post(t, "/v1/gates", spec)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, body, again)
	require.Empty(t, res.Header.Get("Location"))
	res, body = r.post(t, "/v1/gates", strings.Replace(spec, "15m", "16m", 1))
	requireProblem(t, res, body, http.StatusConflict, "", "asks something else")
	res, body = r.post(t, "/v1/gates", `{"namespace":"shadow-1","duration":"9d"}`)
	requireProblem(t, res, body, http.StatusBadRequest, "duration", "ahead")
	res, body = r.post(t, "/v1/gates", `{"namespace":"shadow-1","until":"2026-12-23T00:00:00Z"}`)
	requireProblem(t, res, body, http.StatusBadRequest, "until", "ahead")
	res, body = r.post(t, "/v1/gates", `{"namespace":"shadow-1","deadline":"1h","digest":"latest"}`)
	requireProblem(t, res, body, http.StatusBadRequest, "digest", "sha256")
	res, body = r.post(t, "/v1/gates", `{"namespace":"shadow-1","id":"a/b"}`)
	requireProblem(t, res, body, http.StatusBadRequest, "id", "letters")

	res, body = r.get(t, "/v1/gates/deploy-7")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, again, body)
	res, body = r.post(t, "/v1/gates/deploy-7/close", `{"end":"1m"}`)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Equal(t, clock.Add(-time.Minute), gate(t, body).ClosedAt)
	res, body = r.do(t, http.MethodPost, "/v1/gates/deploy-7/close", "", "")
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Equal(t, clock.Add(-time.Minute), gate(t, body).ClosedAt, "it stays as it is")

	// An alert decides it.
	r.log.Append(clock, inPod("shadow-1", "web", 2*time.Minute, correlate.Critical))
	require.Eventually(t, func() bool {
		_, body = r.get(t, "/v1/gates/deploy-7")
		return gate(t, body).Published
	}, 10*time.Second, time.Millisecond)
	decided := gate(t, body)
	require.Equal(t, verifier.GateDecided, decided.State)
	require.Equal(t, verifier.Fail, decided.Verdict.Verdict)
	require.Equal(t, "deploy-7", decided.Verdict.Gate.ID)
	require.Len(t, r.log.Verdicts(), 1)
	for _, what := range []struct{ method, path string }{{http.MethodDelete, "/v1/gates/deploy-7"}, {http.MethodPost, "/v1/gates/deploy-7/close"}} {
		res, body = r.do(t, what.method, what.path, "", "")
		requireProblem(t, res, body, http.StatusConflict, "", "gate deploy-7 is decided")
	}
	res, body = r.post(t, "/v1/gates", spec)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, decided, gate(t, body), "who opens it once more finds its verdict")
}

func TestGateListOverHTTP(t *testing.T) {
	r := start(t, nil)
	for _, spec := range []string{
		`{"id":"a","namespace":"shadow-1","labels":{"run":"7","a=b":"c"}}`, `{"id":"b","namespace":"shadow-1","labels":{"run":"7","step":"a=b"}}`,
		`{"id":"c","namespace":"shadow-2","labels":{"run":"7"}}`, `{"id":"d","namespace":"shadow-1","since":"10m","until":"0s","evidence":"none"}`,
	} {
		res, body := r.post(t, "/v1/gates", spec)
		if strings.Contains(spec, "a=b\":") {
			requireProblem(t, res, body, http.StatusBadRequest, "labels", "no =")
			continue
		}
		require.Equal(t, http.StatusCreated, res.StatusCode, body)
	}
	require.Eventually(t, func() bool {
		_, body := r.get(t, "/v1/gates/d")
		return gate(t, body).State == verifier.GateDecided
	}, 10*time.Second, time.Millisecond)
	for query, want := range map[string]string{
		"": "b c d", "ns=shadow-1": "b d", "label=run%3D7": "b c", "label=run=7&label=step=a%3Db": "b", "label=run=8": "", "state=decided": "d",
		"state=open&namespace=shadow-2": "c", "state=cancelled": "", "limit=2": "b c …",
	} {
		res, body := r.get(t, "/v1/gates?"+query)
		require.Equal(t, http.StatusOK, res.StatusCode, body)
		var list verifier.GateList
		dec := json.NewDecoder(strings.NewReader(body))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(&list))
		var ids []string
		for _, g := range list.Gates {
			ids = append(ids, g.ID)
			if g.State == verifier.GateDecided {
				require.Equal(t, verifier.Pass, g.Verdict.Verdict)
				require.EqualValues(t, "trust_in_silence", g.Verdict.Reason)
			}
		}
		if list.Truncated {
			ids = append(ids, "…")
			require.Equal(t, 3, list.GateCount)
		}
		require.Equal(t, want, strings.Join(ids, " "), query)
	}
	for query, parameter := range map[string]string{
		"label=run": "label", "label==7": "label", "label=run=7&label=run=8": "label", "state=done": "state", "limit=0": "limit", "severity=error": "severity",
		"ns=Shadow": "ns", "state=open&state=closed": "state", "%zz": "",
	} {
		res, body := r.get(t, "/v1/gates?"+query)
		requireProblem(t, res, body, http.StatusBadRequest, parameter, "")
	}
}

// following reads a stream of events line by line.
type following struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func (g *guardedRig) following(t *testing.T, caller, id string) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+"/v1/gates/"+id+"/events", nil)
	require.NoError(t, err)
	res, err := g.client[caller].Do(req)
	require.NoError(t, err)
	f := &following{t, bufio.NewScanner(res.Body), func() {
		cancel()
		_ = res.Body.Close()
	}}
	t.Cleanup(f.close)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	f.lines.Buffer(nil, 1<<20)
	return f
}

// line is the next line that begins with prefix, without it.
func (f *following) line(prefix string) string {
	f.t.Helper()
	for f.lines.Scan() {
		if rest, ok := strings.CutPrefix(f.lines.Text(), prefix); ok {
			return rest
		}
	}
	require.Fail(f.t, "the stream ended", "%q %v", prefix, f.lines.Err())
	return ""
}

func TestGateEvents(t *testing.T) {
	g := startGuarded(t, "token", nil)
	for _, id := range []string{"fails", "ends"} {
		res, body := g.as(t, newShop, `POST /v1/gates {"id":"`+id+`","namespace":"shop","since":"10m","duration":"20m"}`)
		require.Equal(t, http.StatusCreated, res.StatusCode, body)
	}
	fails, ends := g.following(t, getShop, "fails"), g.following(t, getShop, "ends")
	for _, f := range []*following{fails, ends} {
		require.Equal(t, "progress", f.line("event: "))
		var p verifier.GateProgress
		require.NoError(t, json.Unmarshal([]byte(f.line("data: ")), &p))
		require.Equal(t, verifier.Duration(10*time.Minute), *p.EndIn)
		require.Equal(t, verifier.GateOpen, p.State)
		f.line(": ") // something comes also when nothing changes
	}
	res, body := g.as(t, newShop, "DELETE /v1/gates/ends")
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Equal(t, "cancelled", ends.line("event: "))
	require.Equal(t, verifier.GateCancelled, gate(t, ends.line("data: ")).State)

	g.rig.log.Append(clock, inPod("shop", "web", time.Minute, correlate.Critical))
	require.Equal(t, "verdict", fails.line("event: "))
	var v verifier.Verdict
	require.NoError(t, json.Unmarshal([]byte(fails.line("data: ")), &v))
	require.Equal(t, verifier.Fail, v.Verdict)
	require.Equal(t, "fails", v.Gate.ID)
	for _, f := range []*following{fails, ends} {
		for f.lines.Scan() {
			require.Empty(t, f.lines.Text(), "nothing comes behind the end")
		}
		require.NoError(t, f.lines.Err())
	}
}

// A server that stops does not wait for who follows.
func TestShutdownEndsStreams(t *testing.T) {
	g := startGuarded(t, "mtls", nil)
	res, body := g.as(t, bothAll, `POST /v1/gates {"id":"g","namespace":"shop"}`)
	require.Equal(t, http.StatusCreated, res.StatusCode, body)
	f := g.following(t, getAll, "g")
	require.Equal(t, "progress", f.line("event: "))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, g.server.Shutdown(ctx))
	for f.lines.Scan() {
		require.NotContains(t, f.lines.Text(), "event: verdict")
	}
	require.NoError(t, f.lines.Err(), "it ends as it should")
}

// What a verdict withholds it withholds in a gate too, wherever that is shown.
func TestGateWithholds(t *testing.T) {
	g := startGuarded(t, "token", nil)
	fillLeaky(g.rig.log)
	const spec = `{"id":"g","namespace":"shop","since":"2026-11-23T06:16:30Z","until":"2026-11-23T06:29:00Z","severity":"emergency"}`
	res, body := g.as(t, newShop, "POST /v1/gates "+spec)
	require.Equal(t, http.StatusCreated, res.StatusCode, body)
	p := g.following(t, getShop, "g").line("data: ")
	require.Contains(t, p, "alerts_missing")
	requireNoSecrets(t, "", p)

	// Its deadline comes.
	stored, revision, err := g.store.Get(t.Context(), "g")
	require.NoError(t, err)
	due := gate(t, string(stored))
	due.OpenedAt, due.Deadline = clock.Add(-5*time.Minute), clock
	stored, err = json.Marshal(due)
	require.NoError(t, err)
	_, err = g.store.Put(t.Context(), "g", stored, revision)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, body = g.as(t, getAll, "GET /v1/gates/g")
		return gate(t, body).Published
	}, 10*time.Second, time.Millisecond)
	whole := gate(t, body)
	require.Equal(t, verifier.Inconclusive, whole.Verdict.Verdict)
	require.Contains(t, body, "Lost_secret_rule")
	require.Contains(t, g.following(t, getAll, "g").line("data: "), "Lost_secret_rule")

	for caller, shown := range map[string]func() string{
		"GET": func() string { _, body := g.as(t, getShop, "GET /v1/gates/g"); return body },
		"POST": func() string {
			_, body := g.as(t, newShop, "POST /v1/gates "+strings.Replace(spec, "}", `,"deadline":"2026-11-23T06:30:00Z"}`, 1))
			return body
		},
		"list":   func() string { _, body := g.as(t, getShop, "GET /v1/gates?ns=shop"); return body },
		"events": func() string { return g.following(t, getShop, "g").line("data: ") },
	} {
		body := shown()
		require.Contains(t, body, whole.Verdict.ID, caller)
		requireNoSecrets(t, "", body)
		if caller != "list" {
			require.Contains(t, body, `"withheld":["alerts_missing_by_rule"]`, caller)
		}
	}
}

// Whether there is a gate of another namespace does not show.
func TestGateOfAnotherNamespaceIsNone(t *testing.T) {
	g := startGuarded(t, "kubernetes", nil)
	res, body := g.as(t, bothAll, `POST /v1/gates {"id":"of-cart","namespace":"cart"}`)
	require.Equal(t, http.StatusCreated, res.StatusCode, body)
	for _, request := range []string{"GET /v1/gates/ID", "DELETE /v1/gates/ID", "POST /v1/gates/ID/close", "GET /v1/gates/ID/events"} {
		for _, caller := range []string{norole, getShop, newShop, scraper} {
			one, body := g.as(t, caller, strings.Replace(request, "ID", "of-cart", 1))
			other, second := g.as(t, caller, strings.Replace(request, "ID", "no-such", 1))
			require.Equal(t, http.StatusNotFound, one.StatusCode)
			require.Equal(t, body, second)
			one.Header.Del("Date")
			other.Header.Del("Date")
			require.Equal(t, one, other)
		}
	}
	// Nor does a taken id tell what took it.
	res, body = g.as(t, newShop, `POST /v1/gates {"id":"of-cart","namespace":"shop"}`)
	requireProblem(t, res, body, http.StatusConflict, "", "asks something else")
	requireNoSecrets(t, "", strings.ReplaceAll(body, "of-cart", ""))
	g.roles.fail(errors.New("away"))
	for _, id := range []string{"of-cart", "no-such"} {
		res, body = g.as(t, getShop, "GET /v1/gates/"+id)
		requireProblem(t, res, body, http.StatusServiceUnavailable, "", "can't be found out")
	}
}

func TestGatesAreBounded(t *testing.T) {
	store := memlog.NewGates()
	var service *verifier.Service
	var few *verifier.Gates
	r := start(t, func(o *httpapi.Options) {
		service = o.Service.(*verifier.Service)
		few = verifier.NewGates(verifier.GatesOptions{Service: service, Store: store, MaxOpen: 1})
		o.Gates = few
	})
	for _, request := range []string{"/v1/gates", "/v1/gates/g/events"} {
		if strings.HasSuffix(request, "events") {
			_, err := store.Put(t.Context(), "g", []byte(`{"id":"g","namespace":"shop","severity":"warning","state":"open","deadline":"2026-11-24T06:30:00Z"}`), 0)
			require.NoError(t, err)
		}
		res, body := r.get(t, request)
		requireProblem(t, res, body, http.StatusServiceUnavailable, "", "being read")
		require.Equal(t, "2", res.Header.Get("Retry-After"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- few.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	require.Eventually(t, func() bool {
		res, _ := r.get(t, "/v1/gates")
		return res.StatusCode == http.StatusOK
	}, 10*time.Second, time.Millisecond)
	res, body := r.post(t, "/v1/gates", `{"namespace":"shop"}`)
	requireProblem(t, res, body, http.StatusTooManyRequests, "", "too many gates are open: 1")
	require.Equal(t, "10", res.Header.Get("Retry-After"))
}

// The client gets what the server has.
func TestGateClient(t *testing.T) {
	r := start(t, nil)
	c := clientOf(t, r)
	q := client.GateQuery{
		Query: client.Query{
			Namespace: "shadow-1", Since: "10m", Pod: "web-*", Severity: "error", Evidence: "heard", Settling: "2s", ClockSkew: "3s",
			MaxKernelDropRatio: "0.5", HostAlerts: "fail", RequireRules: []string{"A, B"}, Limit: 3, Wait: time.Second,
		},
		ID: "g/../x", Duration: "20m", Deadline: "30m", Labels: map[string]string{"run": "7"}, Digest: "sha256:" + strings.Repeat("0", 64),
	}
	_, _, err := c.OpenGate(t.Context(), q)
	var p *client.ProblemError
	require.ErrorAs(t, err, &p)
	require.Equal(t, "id", p.Parameter)
	q.ID = "g"
	opened, fresh, err := c.OpenGate(t.Context(), q)
	require.NoError(t, err)
	require.True(t, fresh)
	want, err := r.gates.Get(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, want, opened)
	require.Equal(t, []string{"A, B"}, opened.RequireRules)
	require.Equal(t, clock.Add(30*time.Minute), opened.Deadline)
	_, fresh, err = c.OpenGate(t.Context(), q)
	require.NoError(t, err)
	require.False(t, fresh)
	first, _, err := c.OpenGate(t.Context(), client.GateQuery{Query: client.Query{Namespace: "shadow-1", Owner: "deployment/web"}, FirstPod: true})
	require.NoError(t, err)
	require.True(t, first.FirstPod)

	got, err := c.Gate(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, want, got)
	list, err := c.Gates(t.Context(), verifier.GateFilter{Namespace: "shadow-1", State: verifier.GateOpen, Labels: map[string]string{"run": "7"}}, 1)
	require.NoError(t, err)
	require.Equal(t, 1, list.GateCount)
	require.Equal(t, *want, list.Gates[0].Gate)

	var events []verifier.GateEvent
	err = c.FollowGate(t.Context(), "g", func(e verifier.GateEvent) error {
		events = append(events, e)
		if len(events) == 1 {
			_, err := c.CloseGate(t.Context(), "g", "1m")
			return err
		}
		if e.Kind == verifier.GateEventProgress && e.Progress.State == verifier.GateClosed {
			r.log.Append(clock, inPod("shadow-1", "web-1", 2*time.Minute, correlate.Error))
		}
		return nil
	})
	require.NoError(t, err)
	last := events[len(events)-1]
	require.Equal(t, verifier.GateEventVerdict, last.Kind)
	want, err = r.gates.Get(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, want.Verdict, last.Gate.Verdict)

	cancelled, err := c.CancelGate(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, verifier.GateCancelled, cancelled.State)
	require.NoError(t, c.FollowGate(t.Context(), first.ID, func(e verifier.GateEvent) error {
		require.Equal(t, cancelled, e.Gate)
		return nil
	}))
	_, err = c.Gate(t.Context(), "..")
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusNotFound, p.Status)
	err = c.FollowGate(t.Context(), "no-such", nil)
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusNotFound, p.Status)
	_, err = c.CloseGate(t.Context(), first.ID, "")
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusConflict, p.Status)
}

// A stream that ends before the gate does is told from its end.
func TestGateClientLosesTheStream(t *testing.T) {
	r := start(t, nil)
	c := clientOf(t, r)
	_, _, err := c.OpenGate(t.Context(), client.GateQuery{Query: client.Query{Namespace: "shop"}, ID: "g"})
	require.NoError(t, err)
	err = c.FollowGate(t.Context(), "g", func(verifier.GateEvent) error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return r.server.Shutdown(ctx)
	})
	require.ErrorIs(t, err, client.ErrStreamEnded)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
