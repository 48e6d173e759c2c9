package httpapi_test

import (
	"context"
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

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

// selfSigned is a certificate for 127.0.0.1, and a pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "falcogate"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := selfSigned(t)
	r := start(t, func(o *httpapi.Options) { o.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} })
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	c, err := client.New("https://"+r.server.Addr(), &http.Client{Transport: transport})
	require.NoError(t, err)
	_, err = c.Sensors(t.Context())
	require.NoError(t, err)

	// Who does not trust the certificate gets nothing.
	c, err = client.New("https://"+r.server.Addr(), r.http)
	require.NoError(t, err)
	_, err = c.Sensors(t.Context())
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
}

func TestStartWhereSomebodyListens(t *testing.T) {
	r := start(t, nil)
	second := httpapi.NewServer(httpapi.Options{Listen: r.server.Addr()})
	err := second.Start(t.Context())
	require.ErrorContains(t, err, r.server.Addr())
	require.NoError(t, second.Shutdown(t.Context()), "there is nothing to shut down")
}

// blocked is a service that answers when it is let go.
type blocked struct {
	httpapi.Service
	entered chan struct{}
	release chan struct{}
	ended   chan error
}

func (b blocked) Sensors(ctx context.Context) *verifier.SensorList {
	close(b.entered)
	select {
	case <-b.release:
		b.ended <- nil
	case <-ctx.Done():
		b.ended <- ctx.Err()
	}
	return &verifier.SensorList{Unnamed: 7}
}

func startBlocked(t *testing.T) (*httpapi.Server, blocked, chan error) {
	t.Helper()
	b := blocked{entered: make(chan struct{}), release: make(chan struct{}), ended: make(chan error, 1)}
	server := httpapi.NewServer(httpapi.Options{Listen: "127.0.0.1:0", Service: b})
	require.NoError(t, server.Start(t.Context()))
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New("http://"+server.Addr(), &http.Client{Transport: transport})
	require.NoError(t, err)
	answered := make(chan error, 1)
	go func() {
		_, err := c.Sensors(context.Background())
		answered <- err
	}()
	<-b.entered
	return server, b, answered
}

func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	server, b, answered := startBlocked(t)
	down := make(chan error, 1)
	go func() { down <- server.Shutdown(context.Background()) }()
	// New connections are refused once the listener is closed.
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Addr())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond)
	require.Empty(t, down, "a request is under way")
	close(b.release)
	require.NoError(t, <-answered)
	require.NoError(t, <-down)
	require.NoError(t, server.Wait())
	require.NoError(t, server.Shutdown(t.Context()), "again is nothing")
}

func TestShutdownIsBounded(t *testing.T) {
	server, b, answered := startBlocked(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, server.Shutdown(ctx), context.Canceled)
	require.Error(t, <-answered, "the connection is cut")
	require.ErrorIs(t, <-b.ended, context.Canceled, "and the service told")
	require.NoError(t, server.Wait())
}

// Where only the consumer runs there are health and metrics, and a clear answer to
// who asks for more.
func TestWithoutService(t *testing.T) {
	r := start(t, func(o *httpapi.Options) { o.Service = nil })
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/v1/verdict?namespace=x&since=5m": http.StatusNotFound, "/v1/sensors": http.StatusNotFound,
	} {
		res, err := r.http.Get("http://" + r.server.Addr() + path)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode, path)
	}
}
