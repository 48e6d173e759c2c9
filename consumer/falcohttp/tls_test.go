package falcohttp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// authority is a certificate authority for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

func (a *authority) issue(t *testing.T, usage x509.ExtKeyUsage) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serverTLS is a server's configuration with an optional certificate.
func serverTLS(cert *tls.Certificate) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if cert != nil {
		c.Certificates = []tls.Certificate{*cert}
	}
	return c
}

func TestMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	config := serverTLS(ours.issue(t, x509.ExtKeyUsageServerAuth))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ours.pool
	for _, tt := range []struct {
		name   string
		client *tls.Config
		ok     bool
	}{
		{"with a client certificate", &tls.Config{RootCAs: ours.pool, Certificates: []tls.Certificate{*ours.issue(t, x509.ExtKeyUsageClientAuth)}}, true},
		{"without", &tls.Config{RootCAs: ours.pool}, false},
		{"with one of another authority", &tls.Config{RootCAs: ours.pool, Certificates: []tls.Certificate{*theirs.issue(t, x509.ExtKeyUsageClientAuth)}}, false},
		{"with one that is not for clients", &tls.Config{RootCAs: ours.pool, Certificates: []tls.Certificate{*ours.issue(t, x509.ExtKeyUsageServerAuth)}}, false},
		{"that does not trust the listener", &tls.Config{RootCAs: theirs.pool, Certificates: []tls.Certificate{*ours.issue(t, x509.ExtKeyUsageClientAuth)}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log, reg := &memoryLog{}, prometheus.NewRegistry()
			s := start(t, log, Options{TLS: config, Registerer: reg})
			p, err := NewPoster(PosterOptions{URL: urlOf(s), TLS: tt.client})
			require.NoError(t, err)
			t.Cleanup(p.Close)
			err = p.Post(t.Context(), ContentTypeJSON, alert("1"))
			if tt.ok {
				require.NoError(t, err)
				require.NoError(t, p.Post(t.Context(), ContentTypeJSON, alert("2")))
				require.Len(t, log.all(), 2)
				return
			}
			require.Error(t, err)
			var answer *AnswerError
			require.NotErrorAs(t, err, &answer, "no answer at all")
			require.Empty(t, log.all())
			// It shows: the handshake is counted.
			require.Eventually(t, func() bool {
				return metric(t, reg, "falcogate_ingest_http_connection_errors_total", "") == 1
			}, 5*time.Second, time.Millisecond)
		})
	}
}

// With a certificate but no authority for clients anyone may send, encrypted;
// HTTP/1.1 is all that is offered.
func TestTLSWithoutClientCertificates(t *testing.T) {
	ours := newAuthority(t)
	log := &memoryLog{}
	s := start(t, log, Options{TLS: serverTLS(ours.issue(t, x509.ExtKeyUsageServerAuth))})
	p, err := NewPoster(PosterOptions{URL: urlOf(s), TLS: &tls.Config{RootCAs: ours.pool}})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	require.NoError(t, p.Post(t.Context(), ContentTypeJSON, alert("1")))
	require.Len(t, log.all(), 1)

	dialer := tls.Dialer{Config: &tls.Config{RootCAs: ours.pool, NextProtos: []string{"h2", "http/1.1"}}}
	conn, err := dialer.DialContext(t.Context(), "tcp", s.Addr().String())
	require.NoError(t, err)
	require.Equal(t, "http/1.1", conn.(*tls.Conn).ConnectionState().NegotiatedProtocol)
	require.NoError(t, conn.Close())

	status, _, _ := exchange(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	require.Equal(t, http.StatusBadRequest, status, "HTTP to an HTTPS listener is told so")
	require.Len(t, log.all(), 1)
}
