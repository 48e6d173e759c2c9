package falcogrpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

var quiet = slog.New(slog.DiscardHandler)

// socket is an address for a unix socket; t.TempDir's paths can be too long.
func socket(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "fg") // see above
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	return "unix://" + filepath.Join(dir, "falco.sock")
}

// line is Falco's line for the nth alert of a test.
func line(n int) []byte {
	return fmt.Appendf(nil, `{"hostname":"node-a","output":"o","output_fields":{"n":"%d","proc.cmdline":"sh -c true"},"priority":"Warning",`+
		`"rule":"R","source":"syscall","tags":["t"],"time":"2026-11-23T06:26:40.%09dZ"}`, n, n)
}

// numbered are the numbers of the alerts among records, in order.
func numbered(tb testing.TB, records []*correlate.Record) (numbers []int) {
	tb.Helper()
	for _, r := range records {
		if a, ok := r.Body.(*correlate.Alert); ok {
			numbers = append(numbers, a.Time.Nanosecond())
		}
	}
	return numbers
}

// upTo is 0 … n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// memoryLog keeps records in memory and can be away.
type memoryLog struct {
	mu      sync.Mutex
	records []*correlate.Record
	changed chan struct{} // closed, and replaced, whenever a record comes
	away    chan struct{} // not nil while the log is away; closed when it returns
	refuse  func(*correlate.Record) bool
	lanes   int
	flushes int
}

func newMemoryLog() *memoryLog { return &memoryLog{changed: make(chan struct{})} }

func (l *memoryLog) Append(ctx context.Context, records ...*correlate.Record) error {
	for _, r := range records {
		l.mu.Lock()
		away := l.away
		l.mu.Unlock()
		if away != nil {
			select {
			case <-away:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		l.mu.Lock()
		if l.refuse != nil && l.refuse(r) {
			l.mu.Unlock()
			return fmt.Errorf("the log refuses the record")
		}
		l.records = append(l.records, r)
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
	}
	return nil
}

func (l *memoryLog) NewLane() consumer.Lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lanes++
	return &memoryLane{log: l}
}

// goAway lets all appends block until the returned function is called.
func (l *memoryLog) goAway() (comeBack func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	away := make(chan struct{})
	l.away = away
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.away = nil
		close(away)
	}
}

func (l *memoryLog) all() []*correlate.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*correlate.Record(nil), l.records...)
}

// await returns the records once there are n.
func (l *memoryLog) await(tb testing.TB, n int) []*correlate.Record {
	tb.Helper()
	timeout := time.After(30 * time.Second)
	for {
		l.mu.Lock()
		have, changed := len(l.records), l.changed
		l.mu.Unlock()
		if have >= n {
			return l.all()
		}
		select {
		case <-changed:
		case <-timeout:
			require.FailNow(tb, "records did not come", "want %d, have %d", n, have)
		}
	}
}

// memoryLane breaks for good on a refused record, as the real one does.
type memoryLane struct {
	log    *memoryLog
	broken error
}

func (n *memoryLane) Append(ctx context.Context, records ...*correlate.Record) error {
	if n.broken != nil {
		return n.broken
	}
	err := n.log.Append(ctx, records...)
	if err != nil && ctx.Err() == nil {
		n.broken = err
	}
	return err
}

func (n *memoryLane) Flush(ctx context.Context) error {
	n.log.mu.Lock()
	defer n.log.mu.Unlock()
	n.log.flushes++
	if n.broken != nil {
		return n.broken
	}
	return ctx.Err()
}

func (n *memoryLane) Close() {}

// running is a Reader under test.
type running struct {
	*Reader
	log  *memoryLog
	stop context.CancelFunc
	done chan error
}

// start runs a reader until the test ends, or stop is called.
func start(tb testing.TB, log *memoryLog, o ReaderOptions) *running {
	tb.Helper()
	in, err := consumer.NewIntake(consumer.IntakeOptions{Log: log, Logger: quiet})
	require.NoError(tb, err)
	o.Log, o.Intake, o.Logger = log, in, quiet
	if o.RequestInterval == 0 {
		o.RequestInterval = 5 * time.Millisecond
	}
	r, err := NewReader(o)
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background()) // it ends before the server does
	run := &running{Reader: r, log: log, stop: cancel, done: make(chan error, 1)}
	go func() {
		defer close(run.done)
		run.done <- r.Run(ctx)
	}()
	tb.Cleanup(func() {
		cancel()
		<-run.done
	})
	return run
}

// serve starts a server for the test.
func serve(tb testing.TB, o ServerOptions) *Server {
	tb.Helper()
	s, err := NewServer(o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// send queues the alerts from … to-1.
func send(tb testing.TB, s *Server, from, to int) {
	tb.Helper()
	for n := from; n < to; n++ {
		require.NoError(tb, s.Send(tb.Context(), line(n)))
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(tb, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert: cert, key: key, pool: pool}
}

func (a *authority) issue(tb testing.TB) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "falco"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(tb, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) server(tb testing.TB) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{a.issue(tb)}, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}
}

func (a *authority) client(tb testing.TB) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.issue(tb)}, RootCAs: a.pool, MinVersion: tls.VersionTLS12}
}
