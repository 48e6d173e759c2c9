package httpapi_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

// The callers of the tests. Each is one line of the auth file below, one
// certificate, and one user of the roles below.
const (
	nobody  = "nobody"       // sends nothing
	unknown = "unknown"      // sends what is not accepted
	norole  = "no-rights"    // is known, and may do nothing
	getShop = "get-shop"     // may get in shop
	newShop = "create-shop"  // may create in shop
	getAll  = "get-all"      // may get in all namespaces
	bothAll = "get-create-*" // may do both
	scraper = "scraper"      // may get /metrics, which only Kubernetes can say
)

var callers = []string{nobody, unknown, norole, getShop, newShop, getAll, bothAll, scraper}

func tokenOf(caller string) string {
	return "token-of-" + strings.TrimSuffix(caller, "-*") + "-0123456789"
}

const authFile = `
callers:
  - {name: no-rights, token: token-of-no-rights-0123456789, namespaces: [elsewhere], verbs: [get, create]}
  - {name: get-shop, token: token-of-get-shop-0123456789, namespaces: [shop], verbs: [get]}
  - {name: create-shop, token: token-of-create-shop-0123456789, namespaces: [shop], verbs: [create]}
  - {name: get-all, token: token-of-get-all-0123456789, namespaces: ["*"], verbs: [get]}
  - {name: get-create-*, token: token-of-get-create-0123456789, namespaces: ["*"], verbs: [get, create]}
  - {name: scraper, token: token-of-scraper-0123456789, namespaces: [elsewhere], verbs: [get]}
  - {user: no-rights, namespaces: [elsewhere], verbs: [get, create]}
  - {user: get-shop, namespaces: [shop], verbs: [get]}
  - {group: create-shop, namespaces: [shop], verbs: [create]}
  - {group: get-all, namespaces: ["*"], verbs: [get]}
  - {user: get-create-*, namespaces: ["*"], verbs: [get, create]}
`

// roles are access.Reviewer as RBAC would answer.
type roles struct {
	mu     sync.Mutex
	broken error
	asked  []string
}

var rules = map[string][]access.Action{
	norole: nil, scraper: {{Verb: access.Get, Path: access.MetricsPath}},
	getShop: {{Verb: access.Get, Namespace: "shop"}}, newShop: {{Verb: access.Create, Namespace: "shop"}},
	getAll: {{Verb: access.Get}}, bothAll: {{Verb: access.Get}, {Verb: access.Create}},
}

func (r *roles) Authenticate(_ context.Context, token string) (access.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return access.Identity{}, r.broken
	}
	for caller := range rules {
		if token == tokenOf(caller) {
			return access.Identity{Username: caller}, nil
		}
	}
	return access.Identity{}, &access.UnauthenticatedError{Detail: "not one of ours"}
}

func (r *roles) Allowed(_ context.Context, id access.Identity, a access.Action) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, id.Username+" "+a.String())
	if r.broken != nil {
		return false, r.broken
	}
	return slices.ContainsFunc(rules[id.Username], func(rule access.Action) bool {
		// A ClusterRoleBinding holds in each namespace.
		return rule == a || a.Path == "" && rule.Path == "" && rule.Namespace == "" && rule.Verb == a.Verb
	}), nil
}

// fail makes all reviews fail, or work again.
func (r *roles) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = err
}

// guardedRig is a server that asks callers who they are, with a way to send requests
// as each of them.
type guardedRig struct {
	*rig
	roles  *roles // of mode kubernetes
	client map[string]*http.Client
	log    *logBuffer
}

// logBuffer keeps what is logged at any level.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var modes = []string{"token", "mtls", "kubernetes"}

// startGuarded starts a server in one of the modes.
func startGuarded(t *testing.T, mode string, change func(*httpapi.Options), signer ...verifier.Signer) *guardedRig {
	t.Helper()
	file, err := access.Parse([]byte(authFile))
	require.NoError(t, err)
	current := func() *access.File { return file }
	g := &guardedRig{roles: &roles{}, client: map[string]*http.Client{}, log: &logBuffer{}}
	ours := newAuthority(t)
	g.rig = start(t, func(o *httpapi.Options) {
		o.Logger = slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		switch mode {
		case "token":
			o.Guard = access.NewTokens(current)
		case "kubernetes":
			o.Guard = access.NewReviewed(g.roles)
		case "mtls":
			o.Guard = access.NewCertificates(current)
			o.TLS = &tls.Config{
				Certificates: []tls.Certificate{ours.issue(t, "falcogate")}, ClientCAs: ours.pool, ClientAuth: tls.VerifyClientCertIfGiven,
			}
		}
		if change != nil {
			change(o)
		}
	}, signer...)
	for _, caller := range callers {
		transport := &http.Transport{}
		if mode == "mtls" {
			g.base = "https://" + g.server.Addr()
			transport.TLSClientConfig = &tls.Config{RootCAs: ours.pool}
			if caller != nobody && caller != unknown {
				transport.TLSClientConfig.Certificates = []tls.Certificate{ours.issue(t, caller, caller)}
			}
		}
		t.Cleanup(transport.CloseIdleConnections)
		g.client[caller] = &http.Client{Transport: asCaller{described{t, transport}, mode, caller}, Timeout: 20 * time.Second}
	}
	return g
}

// asCaller sends the token of a caller, in mode mtls that of somebody who may do
// everything: it must count for nothing.
type asCaller struct {
	http.RoundTripper
	mode, caller string
}

func (a asCaller) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	token := tokenOf(a.caller)
	if a.mode == "mtls" {
		token = tokenOf(bothAll)
	}
	if a.caller != nobody {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return a.RoundTripper.RoundTrip(r)
}

// as sends a request, "METHOD path" with an optional body, as a caller.
func (g *guardedRig) as(t *testing.T, caller, request string) (head, string) {
	t.Helper()
	method, rest, _ := strings.Cut(request, " ")
	path, body, _ := strings.Cut(rest, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, g.base+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := g.client[caller].Do(req)
	require.NoError(t, err)
	data, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return head{res.StatusCode, res.Header}, string(data)
}

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	own, pool := selfSigned(t)
	cert, err := x509.ParseCertificate(own.Certificate[0])
	require.NoError(t, err)
	return &authority{cert, own.PrivateKey.(*ecdsa.PrivateKey), pool}
}

// issue makes a certificate for a name and groups, for both ends of a connection.
func (a *authority) issue(t *testing.T, name string, groups ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name, Organization: groups}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
