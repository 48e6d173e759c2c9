package httpapi_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/listen"
	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

// noVerdict is an id under which nothing was published.
const noVerdict = "0123456789abcdef0123456789abcdef"

// matrix says for each route what each of the callers gets, in their order, but for
// the scraper, who has no rights elsewhere. SHOP and CART stand for the ids of
// verdicts over these namespaces.
var matrix = map[string]map[string][]int{
	"GET /v1/verdict": {
		"GET /v1/verdict?namespace=shop&since=10m":               {401, 401, 403, 200, 403, 200, 200},
		"HEAD /v1/verdict?namespace=shop&since=10m":              {401, 401, 403, 200, 403, 200, 200},
		"GET /v1/verdict?ns=shop&since=10m&sensor=node-a":        {401, 401, 403, 200, 403, 200, 200},
		"GET /v1/verdict?ns=shop&since=10m&as_of=1":              {401, 401, 403, 200, 403, 200, 200},
		"GET /v1/verdict?ns=shop&since=10m&severity=nonsense":    {401, 401, 403, 400, 403, 400, 400},
		"GET /v1/verdict?namespace=cart&since=10m":               {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/verdict?namespace=nowhere&since=10m":            {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/verdict?ns=cart&since=10m&as_of=99999":          {401, 401, 403, 403, 403, 400, 400},
		"GET /v1/verdict?namespace=shop&namespace=cart&since=1m": {401, 401, 400, 400, 400, 400, 400},
		"GET /v1/verdict?namespace=shop&ns=cart&since=1m":        {401, 401, 400, 400, 400, 400, 400},
		"GET /v1/verdict?namespace=*&since=10m":                  {401, 401, 400, 400, 400, 400, 400},
		"GET /v1/verdict?since=10m":                              {401, 401, 400, 400, 400, 400, 400},
		"GET /v1/verdict":                                        {401, 401, 400, 400, 400, 400, 400},
	},
	"POST /v1/verdicts": {
		`POST /v1/verdicts {"namespace":"shop","since":"10m"}`:      {401, 401, 403, 403, 200, 403, 200},
		`POST /v1/verdicts {"namespace":"cart","since":"10m"}`:      {401, 401, 403, 403, 403, 403, 200},
		`POST /v1/verdicts {"since":"10m"}`:                         {401, 401, 400, 400, 400, 400, 400},
		`POST /v1/verdicts?namespace=shop {"namespace":"cart"}`:     {401, 401, 400, 400, 400, 400, 400},
		`POST /v1/verdicts {"namespace":"shop","namespace":"cart"}`: {401, 401, 400, 400, 400, 400, 400},
		`POST /v1/verdicts`: {401, 401, 415, 415, 415, 415, 415},
	},
	"GET /v1/verdicts/{id}/explanation": {
		"GET /v1/verdicts/SHOP/explanation":              {401, 401, 404, 200, 404, 200, 200},
		"GET /v1/verdicts/CART/explanation":              {401, 401, 404, 404, 404, 200, 200},
		"GET /v1/verdicts/" + noVerdict + "/explanation": {401, 401, 404, 404, 404, 404, 404},
		"GET /v1/verdicts/CART/explanation?limit=1":      {401, 401, 400, 400, 400, 400, 400},
	},
	"GET /v1/verdicts/{id}/attestation": { // by a server that signs nothing
		"GET /v1/verdicts/SHOP/attestation":               {401, 401, 404, 501, 404, 501, 501},
		"GET /v1/verdicts/CART/attestation?predicate=vsa": {401, 401, 404, 404, 404, 501, 501},
		"GET /v1/verdicts/CART/attestation?limit=1":       {401, 401, 400, 400, 400, 400, 400},
		"GET /v1/verdicts/0123456789abcdef/attestation":   {401, 401, 404, 404, 404, 404, 404},
	},
	"GET /v1/gates/{id}/attestation": {
		"GET /v1/gates/SHOPGATE/attestation": {401, 401, 404, 409, 404, 409, 409},
		"GET /v1/gates/CARTGATE/attestation": {401, 401, 404, 404, 404, 409, 409},
		"GET /v1/gates/no-such/attestation":  {401, 401, 404, 404, 404, 404, 404},
	},
	"POST /v1/gates": {
		`POST /v1/gates {"id":"NEW","namespace":"shop"}`:           {401, 401, 403, 403, 201, 403, 201},
		`POST /v1/gates {"id":"NEW","namespace":"cart"}`:           {401, 401, 403, 403, 403, 403, 201},
		`POST /v1/gates {"namespace":"shop","since":"10m"}`:        {401, 401, 403, 403, 201, 403, 201},
		`POST /v1/gates {"id":"SHOPGATE","namespace":"shop"}`:      {401, 401, 403, 403, 200, 403, 200},
		`POST /v1/gates {"id":"CARTGATE","namespace":"shop"}`:      {401, 401, 403, 403, 409, 403, 409},
		`POST /v1/gates {"id":"CARTGATE"}`:                         {401, 401, 400, 400, 400, 400, 400},
		`POST /v1/gates?namespace=shop {"namespace":"cart"}`:       {401, 401, 400, 400, 400, 400, 400},
		`POST /v1/gates {"namespace":"shop","severity":"extreme"}`: {401, 401, 403, 403, 400, 403, 400},
		`POST /v1/gates`: {401, 401, 415, 415, 415, 415, 415},
	},
	"GET /v1/gates": {
		"GET /v1/gates":                              {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/gates?label=a=b&state=open":         {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/gates?ns=shop":                      {401, 401, 403, 200, 403, 200, 200},
		"GET /v1/gates?namespace=shop&label=run%3D7": {401, 401, 403, 200, 403, 200, 200},
		"GET /v1/gates?namespace=cart":               {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/gates?namespace=*":                  {401, 401, 400, 400, 400, 400, 400},
		"GET /v1/gates?namespace=shop&ns=cart":       {401, 401, 400, 400, 400, 400, 400},
	},
	"GET /v1/gates/{id}": {
		"GET /v1/gates/SHOPGATE":          {401, 401, 404, 200, 404, 200, 200},
		"HEAD /v1/gates/SHOPGATE":         {401, 401, 404, 200, 404, 200, 200},
		"GET /v1/gates/CARTGATE":          {401, 401, 404, 404, 404, 200, 200},
		"GET /v1/gates/no-such":           {401, 401, 404, 404, 404, 404, 404},
		"GET /v1/gates/CARTGATE?verbose=": {401, 401, 400, 400, 400, 400, 400},
	},
	"DELETE /v1/gates/{id}": {
		"DELETE /v1/gates/SHOPGATE": {401, 401, 404, 403, 200, 403, 200},
		"DELETE /v1/gates/CARTGATE": {401, 401, 404, 404, 404, 403, 200},
		"DELETE /v1/gates/SHOPOVER": {401, 401, 404, 403, 409, 403, 409},
		"DELETE /v1/gates/no-such":  {401, 401, 404, 404, 404, 404, 404},
	},
	"POST /v1/gates/{id}/close": {
		"POST /v1/gates/SHOPGATE/close":                 {401, 401, 404, 403, 200, 403, 200},
		`POST /v1/gates/SHOPGATE/close {"end":"1m"}`:    {401, 401, 404, 403, 200, 403, 200},
		`POST /v1/gates/SHOPGATE/close {"end":"1h"}`:    {401, 401, 404, 403, 400, 403, 400},
		"POST /v1/gates/CARTGATE/close":                 {401, 401, 404, 404, 404, 403, 200},
		"POST /v1/gates/CARTOVER/close":                 {401, 401, 404, 404, 404, 403, 409},
		"POST /v1/gates/no-such/close":                  {401, 401, 404, 404, 404, 404, 404},
		`POST /v1/gates/CARTGATE/close {"start":"10m"}`: {401, 401, 400, 400, 400, 400, 400},
	},
	"GET /v1/gates/{id}/events": {
		"GET /v1/gates/SHOPOVER/events":  {401, 401, 404, 200, 404, 200, 200},
		"HEAD /v1/gates/SHOPGATE/events": {401, 401, 404, 200, 404, 200, 200},
		"GET /v1/gates/CARTOVER/events":  {401, 401, 404, 404, 404, 200, 200},
		"GET /v1/gates/no-such/events":   {401, 401, 404, 404, 404, 404, 404},
	},
	"POST /v1/flagger/gate": {
		`POST /v1/flagger/gate ` + hook(`"severity":"warning","since":"10m"`): {401, 401, 403, 403, 409, 403, 409},
		`POST /v1/flagger/gate ` + hook(`"namespace":"cart","since":"10m"`):   {401, 401, 403, 403, 403, 403, 409},
		`POST /v1/flagger/gate ` + hook(`"severity":"nonsense"`):              {401, 401, 403, 403, 400, 403, 400},
		`POST /v1/flagger/gate {"name":"web","namespace":"*","checksum":"a"}`: {401, 401, 400, 400, 400, 400, 400},
		`POST /v1/flagger/gate?namespace=shop {}`:                             {401, 401, 400, 400, 400, 400, 400},
		`POST /v1/flagger/gate {`:                                             {401, 401, 400, 400, 400, 400, 400},
		`POST /v1/flagger/gate`:                                               {401, 401, 415, 415, 415, 415, 415},
	},
	"POST /v1/flagger/rollback": {`POST /v1/flagger/rollback ` + hook(`"since":"10m"`): {401, 401, 403, 403, 200, 403, 200}},
	"POST /v1/flagger/event":    {`POST /v1/flagger/event {"name":"told","namespace":"shop","phase":"Progressing","checksum":"a"}`: {401, 401, 403, 403, 200, 403, 200}},
	"GET /v1/diagnosis":         {"GET /v1/diagnosis": {401, 401, 403, 403, 403, 200, 200}},
	"GET /v1/alerts": {
		"GET /v1/alerts":                    {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/alerts?scope=all":          {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/alerts?scope=host":         {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/alerts?scope=unattributed": {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/alerts?namespace=shop":     {401, 401, 403, 200, 403, 200, 200},
		"GET /v1/alerts?ns=shop&scope=host": {401, 401, 403, 400, 403, 400, 400},
		"GET /v1/alerts?ns=cart":            {401, 401, 403, 403, 403, 200, 200},
		"GET /v1/alerts?ns=SHOP":            {401, 401, 400, 400, 400, 400, 400},
	},
	"GET /v1/sensors":   {"GET /v1/sensors": {401, 401, 403, 403, 403, 200, 200}},
	"GET /metrics":      {"GET /metrics": {401, 401, 403, 403, 403, 200, 200}},
	"GET /openapi.json": {"GET /openapi.json": {200, 200, 200, 200, 200, 200, 200}},
	"GET /healthz":      {"GET /healthz": {200, 200, 200, 200, 200, 200, 200}},
	"GET /readyz":       {"GET /readyz": {200, 200, 200, 200, 200, 200, 200}},
}

// No route is left out of the matrix.
func TestEveryRouteIsInTheMatrix(t *testing.T) {
	r := start(t, nil)
	paths := r.server.Paths()
	require.Len(t, matrix, len(paths))
	for _, path := range paths {
		require.NotEmpty(t, matrix[path], path)
	}
}

func TestAccessMatrix(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			g := startGuarded(t, mode, nil)
			g.rig.log.Append(clock, inPod("shop", "web", time.Minute, correlate.Warning), inPod("cart", "web", time.Minute, correlate.Warning))
			ids := strings.NewReplacer("SHOP/", g.publish(t, "shop").ID+"/", "CART/", g.publish(t, "cart").ID+"/")
			for route, requests := range matrix {
				for request, statuses := range requests {
					for i, caller := range callers {
						want := 0
						switch {
						case caller != scraper:
							want = statuses[i]
						case mode == "kubernetes" && route == "GET /metrics":
							want = http.StatusOK
						default:
							want = statuses[2]
						}
						res, body := g.as(t, caller, g.withGates(t, ids.Replace(request)))
						require.Equal(t, want, res.StatusCode, "%s as %s: %s", request, caller, body)
						requireRefusal(t, mode, caller, res, body)
					}
				}
			}
			for _, caller := range callers {
				require.NotContains(t, g.log.String(), tokenOf(caller), "no token is logged")
			}
		})
	}
}

// withGates names in a request gates that are made for it alone: those that are open,
// and those that are over.
func (g *guardedRig) withGates(t *testing.T, request string) string {
	t.Helper()
	for _, namespace := range []string{"shop", "cart"} {
		for state, name := range map[string]string{"open": strings.ToUpper(namespace) + "GATE", "over": strings.ToUpper(namespace) + "OVER"} {
			if !strings.Contains(request, name) {
				continue
			}
			spec := verifier.GateSpec{Namespace: namespace}
			if strings.Contains(request, "/close") {
				spec.Start, spec.Severity = clock.Add(-10*time.Minute), correlate.Emergency
			}
			gate, _, err := g.gates.Open(t.Context(), spec)
			require.NoError(t, err)
			if state == "over" {
				_, err = g.gates.Cancel(t.Context(), gate.ID)
				require.NoError(t, err)
			}
			request = strings.ReplaceAll(request, name, gate.ID)
		}
	}
	return strings.ReplaceAll(request, "NEW", rand.Text())
}

// requireRefusal sees that a refusal is a problem that says what it takes.
func requireRefusal(t *testing.T, mode, caller string, res head, body string) {
	t.Helper()
	require.NotContains(t, body, tokenOf(caller))
	for name := range res.Header {
		require.NotContains(t, name, "Access-Control", "no other site may ask in a browser")
	}
	if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden {
		require.Empty(t, res.Header.Get("WWW-Authenticate"))
		return
	}
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	hook := strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain")
	if !hook {
		require.Equal(t, problem.ContentType, res.Header.Get("Content-Type"))
	}
	challenge := `Bearer realm="falcogate"`
	switch {
	case res.StatusCode == http.StatusForbidden:
		challenge = ""
	case mode == "mtls":
		challenge = `Certificate realm="falcogate"`
	case caller == unknown:
		challenge += `, error="invalid_token"`
	}
	require.Equal(t, challenge, res.Header.Get("WWW-Authenticate"))
	if body == "" {
		return // of a HEAD
	}
	p := problem.Problem{Status: res.StatusCode, Detail: body}
	if !hook {
		require.NoError(t, json.Unmarshal([]byte(body), &p))
	}
	require.Equal(t, res.StatusCode, p.Status)
	if res.StatusCode == http.StatusForbidden {
		require.Contains(t, p.Detail, caller)
		require.Contains(t, p.Detail, "verdicts.falcogate.dev")
	}
}

// publish has a verdict published, as who may.
func (g *guardedRig) publish(t *testing.T, namespace string) (v verifier.Verdict) {
	t.Helper()
	res, body := g.as(t, bothAll, fmt.Sprintf(`POST /v1/verdicts {"namespace":%q,"since":"10m"}`, namespace))
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.NoError(t, json.Unmarshal([]byte(body), &v))
	return v
}

// What is refused is counted by why, and told to the log at debug alone.
func TestRefusalsAreCounted(t *testing.T) {
	g := startGuarded(t, "kubernetes", nil)
	g.as(t, nobody, "GET /v1/sensors")
	g.as(t, unknown, "GET /v1/sensors")
	g.as(t, getShop, "GET /v1/sensors")
	g.roles.fail(errors.New("dial tcp: connection refused"))
	for range 3 {
		res, body := g.as(t, getAll, "GET /v1/sensors")
		requireProblem(t, res, body, http.StatusServiceUnavailable, "", "can't be found out")
		require.Equal(t, "5", res.Header.Get("Retry-After"))
		require.NotContains(t, body, "connection refused", "that is for the log")
	}
	g.roles.fail(nil)
	_, body := g.as(t, getAll, "GET /metrics")
	for reason, n := range map[string]int{"unauthenticated": 2, "forbidden": 1, "unavailable": 3} {
		require.Contains(t, body, fmt.Sprintf("falcogate_api_refused_requests_total{reason=%q} %d\n", reason, n))
	}
	warnings := 0
	for line := range strings.Lines(g.log.String()) {
		if !strings.Contains(line, "level=DEBUG") {
			warnings++
			require.Contains(t, line, "connection refused")
		}
	}
	require.Positive(t, warnings, "a fault of ours is warned of")
	require.Contains(t, g.log.String(), "not one of ours", "why Kubernetes refused")
}

// untouched is a service that must not be asked.
type untouched struct{ httpapi.Service }

func (untouched) Now() time.Time { return clock }

// untouchedGates must not be asked either.
type untouchedGates struct{ httpapi.Gates }

// Who is not allowed is refused before anything is asked of the service, and before
// their body is read.
func TestRefusedBeforeAnythingIsDone(t *testing.T) {
	g := startGuarded(t, "kubernetes", func(o *httpapi.Options) { o.Service, o.Gates = untouched{}, untouchedGates{} })
	for _, request := range []string{
		"GET /v1/verdict?ns=cart&since=1m&wait=10m", "GET /v1/alerts?ns=cart", "GET /v1/alerts", "GET /v1/sensors", "GET /v1/diagnosis",
		`POST /v1/verdicts {"namespace":"cart","since":"1m"}`, `POST /v1/gates {"namespace":"cart"}`, "GET /v1/gates", "GET /v1/gates?ns=cart",
	} {
		for _, caller := range []string{nobody, unknown, norole, newShop} {
			res, _ := g.as(t, caller, request)
			require.Contains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, res.StatusCode, request)
		}
	}
	// A name that can be no namespace is not worth a review.
	before := len(g.roles.asked)
	res, body := g.as(t, norole, "GET /v1/verdict?ns=..%2Fcart&since=1m")
	requireProblem(t, res, body, http.StatusBadRequest, "ns", "can be no namespace")
	require.Len(t, g.roles.asked, before)

	// Of this body nothing ever comes.
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.server.Addr())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = io.WriteString(conn, "POST /v1/verdicts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
}

// A broken header is no token, and where certificates count it does not matter.
func TestAuthorizationHeaders(t *testing.T) {
	for _, mode := range modes {
		g := startGuarded(t, mode, nil)
		for name, values := range map[string][]string{
			"two": {"Bearer " + tokenOf(getAll), "Bearer " + tokenOf(getAll)}, "another scheme": {"Basic " + tokenOf(getAll)},
			"no scheme": {tokenOf(getAll)}, "empty": {""}, "in upper case": {"BEARER " + tokenOf(getAll)},
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.base+"/v1/sensors", nil)
			require.NoError(t, err)
			req.Header["Authorization"] = values
			res, err := g.client[getAll].Transport.(asCaller).RoundTripper.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			want := http.StatusUnauthorized
			if mode == "mtls" || name == "in upper case" {
				want = http.StatusOK
			}
			require.Equal(t, want, res.StatusCode, "%s %s", mode, name)
		}
	}
}

// Beyond loopback nobody is let in by mistake.
func TestNoGuardIsForLoopback(t *testing.T) {
	s := httpapi.NewServer(httpapi.Options{Listen: "0.0.0.0:0"})
	err := s.Start(t.Context())
	require.ErrorIs(t, err, listen.ErrBeyondLoopback)
	require.NoError(t, s.Shutdown(t.Context()))
}

// Where only the consumer runs its metrics are guarded as well.
func TestMetricsWithoutService(t *testing.T) {
	g := startGuarded(t, "token", func(o *httpapi.Options) { o.Service = nil })
	for caller, want := range map[string]int{nobody: 401, getShop: 403, getAll: 200} {
		res, body := g.as(t, caller, "GET /metrics")
		require.Equal(t, want, res.StatusCode, body)
	}
	res, _ := g.as(t, nobody, "GET /readyz")
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// The client sends a token that it reads anew for each request, and to no other
// server.
func TestClientToken(t *testing.T) {
	g := startGuarded(t, "token", nil)
	token, broken := "", error(nil)
	plain, err := client.New(g.base, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	require.NoError(t, err)
	c := plain.WithToken(func() (string, error) { return token, broken })
	status := func(err error) int {
		var p *client.ProblemError
		require.ErrorAs(t, err, &p)
		return p.Status
	}
	_, err = c.Sensors(t.Context())
	require.Equal(t, http.StatusUnauthorized, status(err))
	token = tokenOf(getShop)
	_, err = c.Sensors(t.Context())
	require.Equal(t, http.StatusForbidden, status(err))
	token = tokenOf(getAll)
	_, err = c.Sensors(t.Context())
	require.NoError(t, err)
	_, err = plain.Sensors(t.Context())
	require.Equal(t, http.StatusUnauthorized, status(err), "the client without a token has none")
	broken = context.DeadlineExceeded
	_, err = c.Sensors(t.Context())
	require.ErrorIs(t, err, broken)
}

func TestClientFollowsNoRedirect(t *testing.T) {
	asked := make(chan string, 4)
	elsewhere := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path })}
	var base string
	redirecting := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, base+"/v1/sensors", http.StatusTemporaryRedirect)
	})}
	addresses := map[*http.Server]string{}
	for _, s := range []*http.Server{elsewhere, redirecting} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addresses[s] = "http://" + l.Addr().String()
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		t.Cleanup(func() {
			require.NoError(t, s.Close())
			require.ErrorIs(t, <-done, http.ErrServerClosed)
		})
	}
	base = addresses[elsewhere]
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c, err := client.New(addresses[redirecting], &http.Client{Transport: transport})
	require.NoError(t, err)
	c = c.WithToken(func() (string, error) { return tokenOf(getAll), nil })
	_, err = c.Sensors(t.Context())
	var p *client.ProblemError
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusTemporaryRedirect, p.Status)
	require.NotContains(t, err.Error(), tokenOf(getAll))
	_, err = c.Verdict(t.Context(), client.Query{Namespace: "shop", Since: "1m"}, true)
	require.ErrorAs(t, err, &p)
	require.Empty(t, asked)
}
