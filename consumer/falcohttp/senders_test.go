package falcohttp

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/internal/listen"
	"github.com/falcogate/falcogate/internal/problem"
)

// Tokens of the tests.
const (
	goodToken  = "sidekick-0123456789"
	otherToken = "somebody-0123456789"
)

func parsedTokens(t testing.TB, text string) *Tokens {
	t.Helper()
	tokens, err := ParseTokens([]byte(text))
	require.NoError(t, err)
	return tokens
}

func TestParseTokens(t *testing.T) {
	for text, n := range map[string]int{
		goodToken: 1, goodToken + "\n": 1, "# of falcosidekick\n" + goodToken + "\n\n  # of node-b\n\t" + otherToken + " \r\n": 2,
	} {
		tokens := parsedTokens(t, text)
		require.Equal(t, n, tokens.Len())
		require.True(t, tokens.accepts(goodToken))
		require.Equal(t, n == 2, tokens.accepts(otherToken))
		require.False(t, tokens.accepts(""))
	}
	for text, want := range map[string]string{
		"": "want at least one token", "\n# none yet\n": "want at least one token", "short": "line 1: want a token of 16",
		goodToken + "\n" + otherToken + " # of node-b": "line 2: want a token", "Bearer " + goodToken: "line 1", "\xff" + goodToken: "line 1",
		strings.Repeat("a", 16<<10+1): "line 1",
	} {
		_, err := ParseTokens([]byte(text))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "0123456789")
	}
}

func FuzzParseTokens(f *testing.F) {
	for _, seed := range []string{goodToken, "# a\n" + goodToken + "\r\n" + otherToken, "short", "\xff\n", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tokens, err := ParseTokens(data)
		if err != nil {
			require.Nil(t, tokens)
			return
		}
		require.Positive(t, tokens.Len())
		require.False(t, tokens.accepts(""))
		require.False(t, tokens.accepts("a token with spaces"))
		found := 0
		for _, field := range bytes.Fields(data) {
			if tokens.accepts(string(field)) {
				found++
			}
		}
		require.GreaterOrEqual(t, found, tokens.Len())
	})
}

// Who may send, by what the listener asks for and what the sender shows.
func TestSenders(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	client := ours.issue(t, x509.ExtKeyUsageClientAuth)
	tokens := parsedTokens(t, goodToken+"\n")
	withTokens := func() *Tokens { return tokens }
	server := func(auth tls.ClientAuthType) *tls.Config {
		c := serverTLS(ours.issue(t, x509.ExtKeyUsageServerAuth))
		c.ClientAuth, c.ClientCAs = auth, ours.pool
		return c
	}
	const cut = 0 // the handshake fails, and there is no answer
	for name, tt := range map[string]struct {
		listener Options
		// without anything, a wrong token, the right one, a certificate, another
		// authority's certificate
		want [5]int
	}{
		"nothing is asked for":       {Options{}, [5]int{200, 200, 200, 200, 200}},
		"a token":                    {Options{Tokens: withTokens}, [5]int{401, 401, 200, 401, 401}},
		"a token over TLS":           {Options{Tokens: withTokens, TLS: serverTLS(ours.issue(t, x509.ExtKeyUsageServerAuth))}, [5]int{401, 401, 200, 401, 401}},
		"a certificate":              {Options{TLS: server(tls.RequireAndVerifyClientCert)}, [5]int{cut, cut, cut, 200, cut}},
		"a token or a certificate":   {Options{Tokens: withTokens, TLS: server(tls.VerifyClientCertIfGiven)}, [5]int{401, 401, 200, 200, cut}},
		"a token, open to all hosts": {Options{Tokens: withTokens, Open: true}, [5]int{401, 401, 200, 401, 401}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, show := range []struct {
				token string
				cert  *tls.Certificate
			}{{}, {token: otherToken}, {token: goodToken}, {cert: client}, {cert: theirs.issue(t, x509.ExtKeyUsageClientAuth)}} {
				log, reg, logged := &memoryLog{}, prometheus.NewRegistry(), &bytes.Buffer{}
				o := tt.listener
				o.Registerer, o.Logger = reg, slog.New(slog.NewTextHandler(logged, nil))
				s := start(t, log, o)
				transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ours.pool}, DisableKeepAlives: true}
				if show.cert != nil {
					transport.TLSClientConfig.Certificates = []tls.Certificate{*show.cert}
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, urlOf(s), bytes.NewReader(alert("1")))
				require.NoError(t, err)
				if show.token != "" {
					req.Header.Set("Authorization", "Bearer "+show.token)
				}
				res, err := transport.RoundTrip(req)
				if tt.want[i] == cut {
					require.Error(t, err)
					require.Empty(t, log.all())
					continue
				}
				require.NoError(t, err)
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				require.Equal(t, tt.want[i], res.StatusCode, string(body))
				if tt.want[i] == http.StatusOK {
					require.Len(t, log.all(), 1)
					continue
				}
				require.Empty(t, log.all(), "nothing is kept of it")
				require.Equal(t, `Bearer realm="falcogate ingest"`, res.Header.Get("WWW-Authenticate"))
				require.Equal(t, problem.ContentType, res.Header.Get("Content-Type"))
				var p problem.Problem
				require.NoError(t, json.Unmarshal(body, &p))
				require.Equal(t, http.StatusUnauthorized, p.Status)
				require.InDelta(t, 1, metric(t, reg, "falcogate_ingest_http_requests_total", "401"), 0)
				require.Zero(t, metric(t, reg, "falcogate_received_messages_total", ""))
				require.NotContains(t, logged.String()+string(body), "0123456789", "no token")
				require.NotContains(t, logged.String(), "node-a", "nothing of what came")
			}
		})
	}
}

// Whatever a stranger asks, they are told the same, and a body is not waited for.
func TestStrangersAreToldNothing(t *testing.T) {
	tokens := parsedTokens(t, goodToken)
	s := start(t, &memoryLog{}, Options{Tokens: func() *Tokens { return tokens }})
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + goodToken + "\r\nAuthorization: Bearer " + goodToken + "\r\nContent-Length: 0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + goodToken + "\r\nContent-Length: 0\r\n\r\n",
	} {
		status, _, body := exchange(t, s, request)
		require.Equal(t, http.StatusUnauthorized, status, request)
		require.Contains(t, body, "want a bearer token")
	}
	// They take no place in the queue from who may send.
	log := awayLog()
	full := start(t, log, Options{Tokens: func() *Tokens { return tokens }, MaxInFlight: 1})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, urlOf(full), bytes.NewReader(alert("1")))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+goodToken)
	transport := &http.Transport{DisableKeepAlives: true}
	answered := make(chan error, 1)
	go func() {
		res, err := transport.RoundTrip(req)
		if err == nil {
			err = res.Body.Close()
		}
		answered <- err
	}()
	<-log.entered
	status, _, _ := exchange(t, full, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	require.Equal(t, http.StatusUnauthorized, status)
	close(log.away)
	require.NoError(t, <-answered)
}

// A token that is withdrawn lets nobody in any more, from the next request on, also
// over a connection that is open.
func TestWithdrawnToken(t *testing.T) {
	var tokens atomic.Pointer[Tokens]
	tokens.Store(parsedTokens(t, goodToken+"\n"+otherToken))
	s := start(t, &memoryLog{}, Options{Tokens: tokens.Load})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	post := func(token, n string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, urlOf(s), bytes.NewReader(alert(n)))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := transport.RoundTrip(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	require.Equal(t, http.StatusOK, post(otherToken, "1"))
	tokens.Store(parsedTokens(t, goodToken))
	require.Equal(t, http.StatusUnauthorized, post(otherToken, "2"))
	require.Equal(t, http.StatusOK, post(goodToken, "3"))
}

// Beyond loopback somebody must be asked for something, unless it is said that
// nobody is.
func TestWhereToListen(t *testing.T) {
	ours := newAuthority(t)
	certificate := serverTLS(ours.issue(t, x509.ExtKeyUsageServerAuth))
	optional, required := certificate.Clone(), certificate.Clone()
	optional.ClientAuth, required.ClientAuth = tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert
	for name, tt := range map[string]struct {
		o        Options
		anywhere bool
	}{
		"nothing": {Options{}, false}, "TLS alone": {Options{TLS: certificate}, false}, "a certificate, if there is one": {Options{TLS: optional}, false},
		"a certificate": {Options{TLS: required}, true}, "a token": {Options{Tokens: func() *Tokens { return nil }}, true}, "open": {Options{Open: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			intake, err := consumer.NewIntake(consumer.IntakeOptions{Log: &memoryLog{}, Logger: quiet})
			require.NoError(t, err)
			// No interface has this address: whoever may listen at it can't.
			tt.o.Listen, tt.o.Intake, tt.o.Logger = "192.0.2.1:0", intake, quiet
			s, err := NewServer(tt.o)
			require.NoError(t, err)
			err = s.Start()
			require.Error(t, err)
			if tt.anywhere {
				require.NotErrorIs(t, err, listen.ErrBeyondLoopback)
			} else {
				require.ErrorIs(t, err, listen.ErrBeyondLoopback)
			}
			require.NoError(t, s.Shutdown(t.Context()))
		})
	}
}
