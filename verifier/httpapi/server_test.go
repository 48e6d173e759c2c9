package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/httpapi"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// clock is when the service's clock stands.
var clock = time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)

// inPod makes an alert of a pod, some time ago.
func inPod(ns, pod string, ago time.Duration, p correlate.Priority) *correlate.Alert {
	return &correlate.Alert{
		Hostname: "node-a", Source: "syscall", Rule: "Terminal shell in container", Priority: p, Time: clock.Add(-ago),
		Output: "A shell <was> spawned & used", Tags: []string{"shell"},
		OutputFields: correlate.NewFields([]correlate.Field{{Name: "k8s.ns.name", Value: ns}, {Name: "k8s.pod.name", Value: pod}}),
	}
}

// rig is a server on loopback over a log in memory.
type rig struct {
	log    *memlog.Log
	store  *memlog.Gates
	gates  *verifier.Gates
	server *httpapi.Server
	http   *http.Client
	base   string
}

func start(t *testing.T, change func(*httpapi.Options), signer ...verifier.Signer) *rig {
	t.Helper()
	log := memlog.New()
	now := func() time.Time { return clock }
	metrics := prometheus.NewPedanticRegistry()
	tail := verifier.NewTail(verifier.TailOptions{Log: log, Now: now, Registerer: metrics})
	options := verifier.ServiceOptions{
		Log: log, Tail: tail, Now: now, Registerer: metrics, CatchUp: time.Second,
		Subject: func(namespace, verdict string) string { return "falcogate.verdict." + namespace + "." + verdict },
	}
	if len(signer) > 0 {
		options.Signer = signer[0]
	}
	service := verifier.NewService(options)
	store := memlog.NewGates()
	gates := verifier.NewGates(verifier.GatesOptions{Service: service, Store: store, MaxOpen: 1000, Registerer: metrics})
	opts := httpapi.Options{
		Listen: "127.0.0.1:0", Service: service, Gates: gates, Rollouts: verifier.NewRollouts(memlog.NewGates(), now), Ready: service.Ready, Gatherer: metrics, Registerer: metrics,
	}
	if change != nil {
		change(&opts)
	}
	server := httpapi.NewServer(opts)
	server.KeepAlive(20 * time.Millisecond)
	require.NoError(t, server.Start(t.Context()))

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- tail.Run(ctx) }()
	go func() { done <- gates.Run(ctx) }()
	client := &http.Client{Transport: described{t, &http.Transport{}}, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		require.NoError(t, server.Shutdown(ctx))
		require.NoError(t, server.Wait())
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, <-done)
	})
	require.NoError(t, tail.WaitFor(t.Context(), 0))
	require.Eventually(t, func() bool {
		_, err := gates.List(verifier.GateFilter{})
		return err == nil
	}, 10*time.Second, time.Millisecond)
	return &rig{log: log, store: store, gates: gates, server: server, http: client, base: "http://" + server.Addr()}
}

// head is what comes before an answer's body.
type head struct {
	StatusCode int
	Header     http.Header
}

// do sends a request and returns the answer's head and body.
func (r *rig) do(t *testing.T, method, path, contentType, body string) (head, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.base+path, strings.NewReader(body))
	require.NoError(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := r.http.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	data, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return head{res.StatusCode, res.Header}, string(data)
}

func (r *rig) get(t *testing.T, path string) (head, string) {
	t.Helper()
	return r.do(t, http.MethodGet, path, "", "")
}

// verdict asks for one and reads it strictly.
func (r *rig) verdict(t *testing.T, query string) verifier.Verdict {
	t.Helper()
	res, body := r.get(t, "/v1/verdict?"+query)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Equal(t, "application/json", res.Header.Get("Content-Type"))
	require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	var v verifier.Verdict
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&v))
	return v
}

// requireProblem sees that an answer is a problem that names a parameter.
func requireProblem(t *testing.T, res head, body string, status int, parameter, detail string) {
	t.Helper()
	require.Equal(t, status, res.StatusCode, body)
	require.Equal(t, problem.ContentType, res.Header.Get("Content-Type"))
	var p problem.Problem
	require.NoError(t, json.Unmarshal([]byte(body), &p))
	require.Equal(t, status, p.Status)
	require.Equal(t, parameter, p.Parameter, body)
	require.Contains(t, p.Detail, detail)
	require.NotEmpty(t, p.Title)
}

func TestVerdictAnswers(t *testing.T) {
	r := start(t, nil)
	r.log.Append(clock, inPod("shadow-1", "web", time.Minute, correlate.Critical), inPod("shadow-10", "web", time.Minute, correlate.Critical))

	v := r.verdict(t, "namespace=shadow-1&since=10m")
	require.Equal(t, verifier.Fail, v.Verdict)
	require.Equal(t, uint64(1), v.AlertCount)
	require.Equal(t, uint64(2), v.AsOf)
	require.Equal(t, clock.Add(-10*time.Minute), v.Window.Start)
	require.Equal(t, "A shell <was> spawned & used", v.Alerts[0].Output)
	require.Equal(t, map[string]string{"k8s.ns.name": "shadow-1", "k8s.pod.name": "web"}, v.Alerts[0].OutputFields)

	// An inconclusive and a pass are answers too.
	require.EqualValues(t, "silent", r.verdict(t, "namespace=shadow-2&since=10m").Reason)
	require.Equal(t, verifier.Pass, r.verdict(t, "namespace=shadow-2&since=10m&evidence=none").Verdict)
	require.Equal(t, verifier.Pass, r.verdict(t, "ns=shadow-1&since=30s&evidence=none").Verdict)

	// What Python's isoformat writes, with the + unescaped.
	v = r.verdict(t, "ns=shadow-1&start=2026-11-23T06:26:40.000001+00:00&end=2026-11-23T06:30:00+00:00")
	require.Equal(t, verifier.Fail, v.Verdict)
	_, body := r.get(t, "/v1/verdict?ns=shadow-1&start=2026-11-23T06:26:40.000001+00:00")
	require.Contains(t, body, `"start":"2026-11-23T06:26:40.000001Z"`)
	require.True(t, strings.HasSuffix(body, "}\n"))
	require.Empty(t, r.log.Verdicts(), "asking publishes nothing")

	res, body := r.do(t, http.MethodHead, "/v1/verdict?ns=shadow-1&since=1m", "", "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Empty(t, body)
}

// Each wrong parameter is a problem that calls it by the name it was given.
func TestParameterProblems(t *testing.T) {
	r := start(t, nil)
	const ok = "namespace=shadow-1&since=10m"
	for _, tc := range []struct{ path, parameter, detail string }{
		{"/v1/verdict?since=10m", "namespace", "required"},
		{"/v1/verdict?namespace=&since=10m", "namespace", "empty"}, // AEGIS 5
		{"/v1/verdict?" + ok + "&format=xml", "format", "want falcogate or aegis"},
		{"/v1/verdict?" + ok + "&format=", "format", "empty"},
		{"/v1/alerts?format=aegis", "format", "unknown parameter"},
		{"/v1/verdict?ns=Shadow&since=10m", "ns", "can be no namespace"},
		{"/v1/verdict?ns=shadow-*&since=10m", "ns", "can be no namespace"},
		{"/v1/verdict?namespace=shadow-1", "start", "required"},
		{"/v1/verdict?namespace=shadow-1&end=5m", "start", "required"},
		{"/v1/verdict?namespace=shadow-1&since=", "since", "empty"},
		{"/v1/verdict?namespace=shadow-1&since=2026-11-23T07:26:40Z", "since", "in the future"}, // AEGIS 13
		{"/v1/verdict?namespace=shadow-1&start=2026-11-23T06:30:00.000000001Z", "start", "in the future"},
		{"/v1/verdict?namespace=shadow-1&start=2026-11-23T06:26:40", "start", "no zone"},
		{"/v1/verdict?namespace=shadow-1&start=5", "start", "5m"},
		{"/v1/verdict?namespace=shadow-1&since=yesterday", "since", "no time"},
		{"/v1/verdict?namespace=shadow-1&since=0s", "since", "not before the end"},
		{"/v1/verdict?namespace=shadow-1&since=99w99w&until=1h&limit=3&since=1m", "since", "more than once"},
		{"/v1/verdict?namespace=shadow-1&since=5000w", "since", "before 1970"},
		{"/v1/verdict?" + ok + "&until=2026-11-23T06:30:01Z", "until", "in the future"},
		{"/v1/verdict?" + ok + "&end=20m", "since", "not before the end"},
		{"/v1/verdict?" + ok + "&severity=WARN", "severity", "want one of"}, // AEGIS 7
		{"/v1/verdict?" + ok + "&priority=high", "priority", "want one of"},
		{"/v1/verdict?" + ok + "&severity=", "severity", "empty"},
		{"/v1/verdict?" + ok + "&evidence=None", "evidence", "want accounted, heard or none"},
		{"/v1/verdict?" + ok + "&limit=0", "limit", "1 to 1000"},
		{"/v1/verdict?" + ok + "&limit=1001", "limit", "1 to 1000"},
		{"/v1/verdict?" + ok + "&limit=3.5", "limit", "1 to 1000"},
		{"/v1/verdict?" + ok + "&pod=", "pod", "empty"},
		{"/v1/verdict?" + ok + "&pod=web-[", "pod", "web-["},
		{"/v1/verdict?" + ok + "&rule=%ff", "rule", "UTF-8"},
		{"/v1/verdict?" + ok + "&wait=30", "wait", "no duration"},
		{"/v1/verdict?" + ok + "&wait=11m", "wait", "want 0 to 10m"},
		{"/v1/verdict?" + ok + "&wait=1s&as_of=1", "wait", "does not change"},
		{"/v1/verdict?" + ok + "&as_of=0", "as_of", "position"},
		{"/v1/verdict?" + ok + "&as_of=7", "as_of", "ends at position"},
		{"/v1/verdict?" + ok + "&settling=2h", "settling", "want 0 to 1h"},
		{"/v1/verdict?" + ok + "&clock_skew=-1s", "clock_skew", "no duration"},
		{"/v1/verdict?" + ok + "&max_kernel_drop_ratio=1.5", "max_kernel_drop_ratio", "want 0 to 1"},
		{"/v1/verdict?" + ok + "&max_kernel_drop_ratio=NaN", "max_kernel_drop_ratio", "want 0 to 1"},
		{"/v1/verdict?" + ok + "&host_alerts=ignore", "host_alerts", "want report"},
		{"/v1/verdict?" + ok + "&require_rules=a,,b", "require_rules", "1 to 1024"},
		{"/v1/alerts?wait=1s", "wait", "unknown"},
		{"/v1/verdict?" + ok + "&Severity=debug", "Severity", "unknown"},
		{"/v1/verdict?" + ok + "&order=newest", "order", "unknown"},
		{"/v1/verdict?" + ok + "&namespace=shadow-2", "namespace", "more than once"},
		{"/v1/verdict?" + ok + "&ns=shadow-1", "ns", "the same as namespace"},
		{"/v1/verdict?" + ok + "&start=10m", "start", "the same as since"},
		{"/v1/verdict?" + ok + "&severity=error&priority=error", "severity", "the same as priority"},
		{"/v1/verdict?" + ok + ";severity=debug", "", "query string"},
		{"/v1/verdict?" + ok + "&severity=%zz", "", "query string"},
		{"/v1/alerts?namespace=shadow-1&scope=all", "scope", "not both"},
		{"/v1/alerts?scope=hosts", "scope", "want all, host or unattributed"},
		{"/v1/alerts?order=up", "order", "want newest or oldest"},
		{"/v1/alerts?cursor=abc", "cursor", ""},
		{"/v1/alerts?evidence=none", "evidence", "unknown"},
		{"/v1/alerts?since=2026-11-23T07:26:40Z", "since", "in the future"},
		{"/v1/alerts?ns=", "ns", "empty"},
		{"/v1/sensors?namespace=a", "namespace", "unknown"},
	} {
		res, body := r.get(t, tc.path)
		requireProblem(t, res, body, http.StatusBadRequest, tc.parameter, tc.detail)
	}
}

func TestPostVerdict(t *testing.T) {
	r := start(t, nil)
	r.log.Append(clock, inPod("shadow-1", "web", time.Minute, correlate.Critical))
	post := func(body string) (head, string) {
		return r.do(t, http.MethodPost, "/v1/verdicts", "application/json", body)
	}

	res, body := post(`{"namespace": "shadow-1", "since": "10m", "severity": "Critical", "limit": 3}`)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	published := r.log.Verdicts()
	require.Len(t, published, 1)
	require.Equal(t, "falcogate.verdict.shadow-1.fail", published[0].Subject)
	require.Equal(t, body, string(published[0].Data)+"\n", "what is published is what is answered, byte for byte")

	// Numbers keep all their digits.
	res, body = post(`{"ns": "shadow-1", "start": 1795415200123456789, "evidence": "none"}`)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Contains(t, body, `"start":"2026-11-23T06:26:40.123456789Z"`)

	// Rules are a list, or one text with commas.
	for rules, want := range map[string]string{`["A, B", "Cé"]`: `["A, B","Cé"]`, `"A, B"`: `["A","B"]`} {
		res, body = post(`{"ns": "shadow-1", "since": "10m", "require_rules": ` + rules + `}`)
		require.Equal(t, http.StatusOK, res.StatusCode, body)
		require.Contains(t, body, `"require_rules":`+want)
	}

	for _, tc := range []struct{ body, parameter, detail string }{
		{`{"namespace": "shadow-1", "since": "10m", "require_rules": {"A": 1}}`, "require_rules", "want a list of names"},
		{`{"namespace": "shadow-1", "since": "10m", "require_rules": null}`, "require_rules", "want a list of names"},
		{`{"namespace": "shadow-1", "since": "10m", "require_rules": 5}`, "require_rules", "want a list of names"},
		{`{"namespace": "shadow-1", "since": "10m", "sevrity": "debug"}`, "sevrity", "unknown"},
		{`{"namespace": "shadow-1", "since": "10m", "since": "5m"}`, "since", "more than once"},
		{`{"namespace": "shadow-1", "since": "10m", "start": "5m"}`, "start", "the same as since"},
		{`{"namespace": "shadow-1", "since": "10m", "pod": ["web"]}`, "pod", "string or a number"},
		{`{"namespace": "shadow-1", "since": "10m", "pod": {}}`, "pod", "string or a number"},
		{`{"namespace": "shadow-1", "since": null}`, "since", "string or a number"},
		{`{"namespace": true, "since": "10m"}`, "namespace", "string or a number"},
		{`{"namespace": "", "since": "10m"}`, "namespace", "empty"},
		{`{"namespace": "shadow-1"}`, "start", "required"},
		{`{"namespace": "shadow-1", "since": "2026-11-23T08:00:00Z"}`, "since", "in the future"},
		{`{"namespace": "shadow-1", "since": "10m"} {}`, "", "more in the body"},
		{`{"namespace": "shadow-1", "since": "10m"`, "", "no JSON object"},
		{`["shadow-1"]`, "", "no JSON object"},
		{``, "", "no JSON object"},
		{"{\"namespace\": \"shadow-1\", \"since\": \"10m\", \"pod\": \"\xff\"}", "", "UTF-8"},
	} {
		res, body := post(tc.body)
		requireProblem(t, res, body, http.StatusBadRequest, tc.parameter, tc.detail)
	}
	res, body = r.do(t, http.MethodPost, "/v1/verdicts?namespace=shadow-1", "application/json", `{"since": "10m"}`)
	requireProblem(t, res, body, http.StatusBadRequest, "namespace", "belongs into the JSON body")
	res, body = r.do(t, http.MethodPost, "/v1/verdicts?names=shadow-1", "application/json", `{"since": "10m"}`)
	requireProblem(t, res, body, http.StatusBadRequest, "names", "unknown")
	res, body = r.do(t, http.MethodPost, "/v1/verdicts", "application/x-www-form-urlencoded", `namespace=shadow-1&since=10m`)
	requireProblem(t, res, body, http.StatusUnsupportedMediaType, "", "application/json")
	res, body = post(`{"namespace": "shadow-1", "rule": "` + strings.Repeat("a", 64<<10) + `"}`)
	requireProblem(t, res, body, http.StatusRequestEntityTooLarge, "", "65536 bytes")
	_, body = r.get(t, "/v1/verdict?ns=shadow-1&since=10m&require_rules=null")
	require.Contains(t, body, `"require_rules":["null"]`, "text is no JSON")
	require.Len(t, r.log.Verdicts(), 4, "a problem publishes nothing")
}

// notStored is a service whose log takes no verdicts.
type notStored struct{ httpapi.Service }

func (notStored) Publish(context.Context, verifier.Question) (*verifier.Verdict, error) {
	return nil, errors.Join(verifier.ErrNotPublished, errors.New("nats: secret detail"))
}

func (notStored) Evaluate(context.Context, verifier.Question) (*verifier.Verdict, error) {
	return nil, errors.New("a defect with detail")
}

func TestFailuresOfTheService(t *testing.T) {
	r := start(t, func(o *httpapi.Options) { o.Service = notStored{o.Service} })
	res, body := r.do(t, http.MethodPost, "/v1/verdicts", "application/json", `{"namespace": "shadow-1", "since": "10m"}`)
	requireProblem(t, res, body, http.StatusServiceUnavailable, "", "could not be stored")
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	require.NotContains(t, body, "secret detail")

	res, body = r.get(t, "/v1/verdict?namespace=shadow-1&since=10m")
	requireProblem(t, res, body, http.StatusInternalServerError, "", "defect")
	require.NotContains(t, body, "with detail")
}

func TestAlertsAnswers(t *testing.T) {
	r := start(t, nil)
	for i := range 5 {
		r.log.Append(clock, inPod("shadow-1", "web", time.Duration(i+1)*time.Minute, correlate.Warning))
	}
	r.log.Append(clock, inPod("shadow-2", "web", time.Minute, correlate.Notice))
	list := func(query url.Values) (out verifier.AlertList) {
		res, body := r.get(t, "/v1/alerts?"+query.Encode())
		require.Equal(t, http.StatusOK, res.StatusCode, body)
		dec := json.NewDecoder(strings.NewReader(body))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(&out))
		return out
	}

	all := list(url.Values{"priority": {"debug"}})
	require.Equal(t, uint64(6), all.AlertCount)
	require.Equal(t, verifier.Summary{Warning: 5, Notice: 1}, all.Summary)
	require.Equal(t, verifier.ScopeAll, all.Scope)

	// A list in pages is the list.
	var pages []uint64
	query := url.Values{"ns": {"shadow-1"}, "limit": {"2"}, "order": {"oldest"}}
	for {
		page := list(query)
		require.Equal(t, uint64(5), page.AlertCount)
		for _, a := range page.Alerts {
			pages = append(pages, a.Position)
		}
		require.Equal(t, page.NextCursor != "", page.Truncated)
		if !page.Truncated {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	require.Equal(t, []uint64{5, 4, 3, 2, 1}, pages)

	_, body := r.get(t, "/v1/alerts?ns=nothing-here&since=1h")
	require.Contains(t, body, `"alerts":[]`)
	require.Contains(t, body, `"as_of":6`)
}

func TestSensorsAnswer(t *testing.T) {
	r := start(t, nil)
	r.log.Append(clock, inPod("shadow-1", "web", time.Minute, correlate.Warning))
	res, body := r.get(t, "/v1/sensors")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, body, `"hostname":"node-a"`)
	require.Contains(t, body, `"as_of":1`)
}

func TestPathsAndMethods(t *testing.T) {
	r := start(t, nil)
	for _, path := range []string{"/", "/v1", "/v1/verdict/", "/v2/verdict", "/v1/verdicts/1"} {
		res, body := r.get(t, path)
		requireProblem(t, res, body, http.StatusNotFound, "", "/v1/verdict")
	}
	for _, tc := range []struct{ method, path, allow string }{
		{http.MethodPost, "/v1/verdict", "GET, HEAD"},
		{http.MethodDelete, "/v1/alerts", "GET, HEAD"},
		{http.MethodPut, "/v1/sensors", "GET, HEAD"},
		{http.MethodGet, "/v1/verdicts", "POST"},
		{http.MethodDelete, "/v1/gates", "GET, HEAD, POST"},
		{http.MethodPost, "/v1/gates/g", "DELETE, GET, HEAD"},
		{http.MethodGet, "/v1/gates/g/close", "POST"},
		{http.MethodPost, "/v1/gates/g/events", "GET, HEAD"},
		{http.MethodPost, "/healthz", "GET, HEAD"},
		{http.MethodPost, "/metrics", "GET, HEAD"},
	} {
		res, body := r.do(t, tc.method, tc.path, "", "")
		requireProblem(t, res, body, http.StatusMethodNotAllowed, "", tc.allow)
		require.Equal(t, tc.allow, res.Header.Get("Allow"))
	}
}

func TestHealthAndReadiness(t *testing.T) {
	missing := make(chan error, 1)
	r := start(t, func(o *httpapi.Options) {
		o.Ready = func() error {
			select {
			case err := <-missing:
				return err
			default:
				return nil
			}
		}
	})
	res, body := r.get(t, "/healthz")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "ok\n", body)
	res, body = r.get(t, "/readyz")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "ready\n", body)

	missing <- errors.New("the index is being built: at position 3 of 9")
	res, body = r.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Equal(t, "not ready: the index is being built: at position 3 of 9\n", body)

	r.server.Drain()
	res, body = r.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Equal(t, "not ready: shutting down\n", body)
	res, _ = r.get(t, "/healthz")
	require.Equal(t, http.StatusOK, res.StatusCode, "draining is not dead")
}

func TestMetrics(t *testing.T) {
	var registry prometheus.Gatherer
	r := start(t, func(o *httpapi.Options) { registry = o.Gatherer })
	r.verdict(t, "namespace=shadow-1&since=10m&evidence=none")
	_, _ = r.get(t, "/v1/verdict")
	_, _ = r.get(t, "/no/such/path")
	res, body := r.get(t, "/metrics")
	require.Equal(t, http.StatusOK, res.StatusCode)
	for _, line := range []string{
		`falcogate_verdicts_total{evidence="none",outcome="pass"} 1`,
		`falcogate_api_request_duration_seconds_count{code="200",route="/v1/verdict"} 1`,
		`falcogate_api_request_duration_seconds_count{code="400",route="/v1/verdict"} 1`,
		`falcogate_api_request_duration_seconds_count{code="404",route="other"} 1`,
		`falcogate_index_ready 1`,
	} {
		require.Contains(t, body, line+"\n")
	}
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}
