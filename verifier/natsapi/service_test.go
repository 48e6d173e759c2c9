package natsapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
	"github.com/falcogate/falcogate/verifier/httpapi"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
	"github.com/falcogate/falcogate/verifier/natsapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is when the services' clock stands.
var clock = time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)

// natsServer is a real server on loopback.
func natsServer(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, MaxPayload: 1 << 20})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(10*time.Second))
	return s
}

func connect(t *testing.T, s *server.Server) *nats.Conn {
	t.Helper()
	closed := make(chan struct{})
	nc, err := nats.Connect(s.ClientURL(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close(); <-closed })
	return nc
}

// replica is a daemon's half over a log in memory.
type replica struct {
	log     *memlog.Log
	http    *httptest.Server
	metrics *prometheus.Registry
	service *natsapi.Service
}

func startReplica(t *testing.T, nc *nats.Conn, guard access.Guard) *replica {
	t.Helper()
	r := &replica{log: memlog.New(), metrics: prometheus.NewRegistry()}
	for i := range 3 {
		ago := time.Duration(i+1) * time.Minute
		r.log.Append(clock.Add(-ago), &correlate.Alert{
			Hostname: "node-a", Source: "syscall", Rule: "Terminal shell in container", Priority: correlate.Warning, Time: clock.Add(-ago), Output: "A shell",
			OutputFields: correlate.NewFields([]correlate.Field{{Name: "k8s.ns.name", Value: "shop"}, {Name: "k8s.pod.name", Value: "till-1"}}),
		})
	}
	now := func() time.Time { return clock }
	tail := verifier.NewTail(verifier.TailOptions{Log: r.log, Now: now})
	service := verifier.NewService(verifier.ServiceOptions{
		Log: r.log, Tail: tail, Now: now,
		Subject: func(namespace, verdict string) string { return "falcogate.verdict." + namespace + "." + verdict },
	})
	gates := verifier.NewGates(verifier.GatesOptions{Service: service, Store: memlog.NewGates()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- tail.Run(ctx) }()
	go func() { ended <- gates.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("stopping: %v", err)
			}
		}
	})
	api := httpapi.NewServer(httpapi.Options{Service: service, Gates: gates, Guard: guard})
	t.Cleanup(func() { _ = api.Shutdown(context.Background()) })
	r.http = httptest.NewServer(api.Handler())
	t.Cleanup(r.http.Close)
	require.Eventually(t, func() bool { return service.Ready() == nil }, 10*time.Second, time.Millisecond)
	var err error
	r.service, err = natsapi.Start(natsapi.Options{Conn: nc, Handler: api.Handler(), Registerer: r.metrics, Version: "v0.0.0-test"})
	require.NoError(t, err)
	require.NoError(t, nc.Flush()) // the server knows who answers
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *replica) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.service.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// answered stops the replica and returns how many requests it has answered, by endpoint
// and status: whoever has an answer may have it before it is counted, but not after the stop.
func (r *replica) answered(t *testing.T) map[string]int {
	t.Helper()
	r.stop(t)
	families, err := r.metrics.Gather()
	require.NoError(t, err)
	got := map[string]int{}
	for _, family := range families {
		require.Equal(t, "falcogate_nats_requests_total", family.GetName())
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			got[labels["endpoint"]+" "+labels["status"]] = int(m.GetCounter().GetValue())
		}
	}
	return got
}

func ask(t *testing.T, nc *nats.Conn, subject, payload string, header ...string) *nats.Msg {
	t.Helper()
	m := nats.NewMsg("falcogate.v1." + subject)
	m.Data = []byte(payload)
	for i := 0; i < len(header); i += 2 {
		m.Header.Add(header[i], header[i+1])
	}
	got, err := nc.RequestMsg(m, 10*time.Second)
	require.NoError(t, err)
	return got
}

// overHTTP is the answer to the same.
func (r *replica) overHTTP(t *testing.T, method, target, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.http.URL+target, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := r.http.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(data)
}

// Each endpoint answers what the HTTP interface does, byte for byte, and fails as that.
func TestAnswersAreThoseOverHTTP(t *testing.T) {
	s := natsServer(t)
	r := startReplica(t, connect(t, s), nil)
	nc := connect(t, s)
	opened := ask(t, nc, "gates.open", `{"id":"g","namespace":"shop","duration":"10m","labels":{"run":"7"},"max_alerts":5}`)
	require.Equal(t, "201", opened.Header.Get(natsapi.StatusHeader), string(opened.Data))
	require.Equal(t, "application/json", opened.Header.Get("Content-Type"))
	aegis := ask(t, nc, "verdict", `{"ns":"shop","since":"10m","format":"aegis"}`)
	require.Contains(t, string(aegis.Data), `{"tool":"falco","passed":false,"skipped":false,"reason":"3 alerts`)
	published := ask(t, nc, "verdict.publish", `{"ns":"shop","since":"10m"}`)
	require.Equal(t, "200", published.Header.Get(natsapi.StatusHeader), string(published.Data))

	for _, tt := range []struct{ subject, payload, method, target, body string }{
		{"verdict", `{"ns":"shop","since":"10m"}`, "GET", "/v1/verdict?ns=shop&since=10m", ""},
		{"verdict", `{"ns":"shop","since":"10m","limit":1,"ignore":[{"tag":"x","reason":"y"}]}`, "GET", "/v1/verdict?ns=shop&since=10m&limit=1&ignore=%5B%7B%22tag%22%3A%22x%22%2C%22reason%22%3A%22y%22%7D%5D", ""},
		{"verdict", `{"ns":"shop"}`, "GET", "/v1/verdict?ns=shop", ""},
		{"verdict", `{"ns":"shop","ns":"cart","since":"10m"}`, "", "", ""},
		{"verdict", ``, "GET", "/v1/verdict", ""},
		{"verdict.publish", `{"ns":"shop","since":"10m"}`, "POST", "/v1/verdicts", `{"ns":"shop","since":"10m"}`},
		{"verdict.publish", ``, "POST", "/v1/verdicts", `{}`},
		{"verdict.explain", `{"id":"nothing"}`, "GET", "/v1/verdicts/nothing/explanation", ""},
		{"alerts", `{"ns":"shop","since":"10m","limit":"2"}`, "GET", "/v1/alerts?ns=shop&since=10m&limit=2", ""},
		{"alerts", `{"ns":"shop","since":"10m","order":"sideways"}`, "GET", "/v1/alerts?ns=shop&since=10m&order=sideways", ""},
		{"sensors", ``, "GET", "/v1/sensors", ""},
		{"sensors", `{"x":true}`, "GET", "/v1/sensors?x=true", ""},
		{"diagnosis", `{}`, "GET", "/v1/diagnosis", ""},
		{"gates.open", `{"id":"g","namespace":"shop","duration":"10m","labels":{"run":"7"},"max_alerts":5}`, "POST", "/v1/gates", `{"id":"g","namespace":"shop","duration":"10m","labels":{"run":"7"},"max_alerts":5}`},
		{"gates.open", `{"id":"g","namespace":"cart"}`, "POST", "/v1/gates", `{"id":"g","namespace":"cart"}`},
		{"gates.list", `{"label":["run=7"]}`, "GET", "/v1/gates?label=run%3D7", ""},
		{"gates.get", `{"id":"g"}`, "GET", "/v1/gates/g", ""},
		{"gates.get", `{"id":"a/b?c"}`, "GET", "/v1/gates/a%2Fb%3Fc", ""},
		{"gates.close", `{"id":"none"}`, "POST", "/v1/gates/none/close", ""},
		{"gates.close", `{"id":"g","end":"soon"}`, "POST", "/v1/gates/g/close", `{"end":"soon"}`},
		{"gates.cancel", `{"id":"none"}`, "DELETE", "/v1/gates/none", ""},
		{"gates.cancel", `{"id":"g"}`, "", "", ""},
	} {
		name := tt.subject + " " + tt.payload
		got := ask(t, nc, tt.subject, tt.payload)
		if tt.target == "" {
			require.NotEmpty(t, got.Header.Get(natsapi.StatusHeader), name)
			continue
		}
		status, want := r.overHTTP(t, tt.method, tt.target, tt.body)
		require.Equal(t, fmt.Sprint(status), got.Header.Get(natsapi.StatusHeader), "%s\n%s\n%s", name, got.Data, want)
		require.Equal(t, want, string(got.Data), name)
		code := ""
		if status >= 300 {
			code = fmt.Sprint(status)
		}
		require.Equal(t, code, got.Header.Get(micro.ErrorCodeHeader), name)
	}
	require.Contains(t, string(ask(t, nc, "gates.get", `{"id":"g"}`).Data), `"state":"cancelled"`)
}

// What no request can be made of is a problem, and costs nothing else.
func TestBadPayloads(t *testing.T) {
	s := natsServer(t)
	r := startReplica(t, connect(t, s), nil)
	nc := connect(t, s)
	for payload, want := range map[string]string{
		`{`:           "no JSON",
		`[]`:          "no JSON object",
		`"x"`:         "no JSON object",
		"\xff":        "no JSON",
		`{"ns":null}`: "ns: is null",
		`{"ns":"shop","since":"10m","x":"` + strings.Repeat("a", natsapi.MaxPayload) + `"}`: "bytes: want at most",
	} {
		got := ask(t, nc, "verdict", payload)
		require.Contains(t, []string{"400", "413"}, got.Header.Get(micro.ErrorCodeHeader), payload)
		require.Contains(t, string(got.Data), want)
		require.Equal(t, "application/problem+json", got.Header.Get("Content-Type"))
	}
	for _, payload := range []string{``, `{"id":7}`, `{"id":""}`, `{"id":".."}`} {
		require.Equal(t, "400", ask(t, nc, "gates.get", payload).Header.Get(micro.ErrorCodeHeader), payload)
	}
	require.Equal(t, map[string]int{"verdict 400": 5, "verdict 413": 1, "gates.get 400": 4}, r.answered(t))
}

// A token comes in the header of that name, and counts as over HTTP.
func TestAuthorization(t *testing.T) {
	file, err := access.Parse([]byte("callers:\n- name: shop\n  token_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n  namespaces: [shop]\n  verbs: [get]\n"))
	require.NoError(t, err)
	s := natsServer(t)
	startReplica(t, connect(t, s), access.NewTokens(func() *access.File { return file }))
	nc := connect(t, s)
	const q = `{"ns":"shop","since":"10m"}`
	require.Equal(t, "401", ask(t, nc, "verdict", q).Header.Get(micro.ErrorCodeHeader))
	require.NotEmpty(t, ask(t, nc, "verdict", q).Header.Get("WWW-Authenticate"))
	require.Equal(t, "401", ask(t, nc, "verdict", q, "Authorization", "Bearer wrong").Header.Get(micro.ErrorCodeHeader))
	require.Equal(t, "200", ask(t, nc, "verdict", q, "Authorization", "Bearer secret").Header.Get(natsapi.StatusHeader))
	require.Equal(t, "403", ask(t, nc, "sensors", "", "Authorization", "Bearer secret").Header.Get(micro.ErrorCodeHeader))
	require.Equal(t, "401", ask(t, nc, "verdict", q, "Authorization", "Bearer secret", "Authorization", "Bearer secret").Header.Get(micro.ErrorCodeHeader))
}

// Each request is answered by one of the replicas, and NATS' tools find them all.
func TestReplicasShareRequests(t *testing.T) {
	s := natsServer(t)
	a, b := startReplica(t, connect(t, s), nil), startReplica(t, connect(t, s), nil)
	nc := connect(t, s)
	require.NoError(t, nc.Flush())
	const requests = 200
	for range requests {
		require.Empty(t, ask(t, nc, "sensors", "").Header.Get(micro.ErrorCodeHeader))
	}
	info, err := nc.Request("$SRV.INFO.falcogate", nil, 10*time.Second)
	require.NoError(t, err)
	require.Contains(t, string(info.Data), `"subject":"falcogate.v1.gates.open"`)
	require.Contains(t, string(info.Data), `"queue_group":"falcogate"`)
	require.Contains(t, string(info.Data), "v0.0.0-test")

	byA, byB := a.answered(t)["sensors 200"], b.answered(t)["sensors 200"]
	require.Equal(t, requests, byA+byB)
	require.Positive(t, byA)
	require.Positive(t, byB)
}

// A prefix names subjects that are nobody else's.
func TestPrefix(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{natsapi.DefaultPrefix, "gate", "gate.here-2.x_y"} {
		require.NoError(t, natsapi.CheckPrefix(prefix))
	}
	for _, prefix := range []string{"", ".", "a.", "a..b", "falcogate.>", "a.*", "a b", "_INBOX", "$SRV", "falcogate", "falcogate.verdict", "falcogate.log.alert"} {
		require.Error(t, natsapi.CheckPrefix(prefix), prefix)
	}
}

// Nothing is answered to a subject of the log or the server: that would be to write there
// for whoever may not.
func TestAnswersGoToClientsAlone(t *testing.T) {
	s := natsServer(t)
	r := startReplica(t, connect(t, s), nil)
	nc := connect(t, s)
	sub, err := nc.SubscribeSync("falcogate.>")
	require.NoError(t, err)
	for _, reply := range []string{"falcogate.verdict.shop.pass", "falcogate.log.alert.shop.warning.node-1", "$JS.API.STREAM.LIST", ""} {
		m := nats.NewMsg("falcogate.v1.sensors")
		m.Reply = reply
		require.NoError(t, nc.PublishMsg(m))
		request, err := sub.NextMsg(10 * time.Second)
		require.NoError(t, err)
		require.Equal(t, "falcogate.v1.sensors", request.Subject)
	}
	ask(t, nc, "sensors", "") // it comes behind the others, and so do answers
	request, err := sub.NextMsg(10 * time.Second)
	require.NoError(t, err)
	require.Equal(t, "falcogate.v1.sensors", request.Subject)
	require.NoError(t, nc.Flush())
	pending, _, err := sub.Pending()
	require.NoError(t, err)
	require.Zero(t, pending)
	families, err := r.metrics.Gather()
	require.NoError(t, err)
	require.Equal(t, "unanswerable", families[0].GetMetric()[1].GetLabel()[1].GetValue())
	require.InDelta(t, 4, families[0].GetMetric()[1].GetCounter().GetValue(), 0)
}

// A request that is held keeps nobody else waiting, and ends when the service stops.
func TestStopEndsWhatIsHeld(t *testing.T) {
	s := natsServer(t)
	r := startReplica(t, connect(t, s), nil)
	nc := connect(t, s)
	held := make(chan *nats.Msg, 1)
	sub, err := nc.ChanSubscribe(nats.NewInbox(), held)
	require.NoError(t, err)
	// It is pending: no sensor was heard yet.
	r.log.Append(clock.Add(-time.Second), &correlate.Snapshot{Hostname: "node-a", Time: clock.Add(-time.Second), EventSource: "syscall", Run: correlate.Run{StartTS: 1, ReloadTS: 1}})
	m := nats.NewMsg("falcogate.v1.verdict")
	m.Data, m.Reply = []byte(`{"ns":"quiet","since":"10s","wait":"5m"}`), sub.Subject
	require.NoError(t, nc.PublishMsg(m))
	require.Equal(t, "200", ask(t, nc, "verdict", `{"ns":"shop","since":"10m"}`).Header.Get(natsapi.StatusHeader))
	stop, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, r.service.Stop(stop))
	select {
	case got := <-held:
		require.NotEmpty(t, got.Header.Get(natsapi.StatusHeader))
	case <-stop.Done():
		t.Fatal("it was not answered")
	}
}
