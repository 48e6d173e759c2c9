package eventlog_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/eventlog"
)

// outside is a client of a listening embedded server that logs in with nothing.
type outside struct {
	*nats.Conn
	js     jetstream.JetStream
	denied chan string // what the server would not let it do
}

func connectOutside(t *testing.T, l *eventlog.Log, opts ...nats.Option) *outside {
	t.Helper()
	o := &outside{denied: make(chan string, 100)}
	var err error
	o.Conn, err = nats.Connect(l.ListenURL(), append(opts, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { o.denied <- err.Error() }))...)
	require.NoError(t, err)
	t.Cleanup(o.Close)
	o.js, err = jetstream.New(o.Conn)
	require.NoError(t, err)
	return o
}

func openListening(t *testing.T) *eventlog.Log {
	return openEmbedded(t, func(o *eventlog.Options) { o.NATSListen = "127.0.0.1:0" })
}

func publishVerdict(t *testing.T, l *eventlog.Log, namespace, id string) {
	t.Helper()
	_, _, err := l.PublishVerdict(testContext(t), eventlog.VerdictSubject(namespace, "fail"), id, map[string]string{"ce-id": id}, []byte(id))
	require.NoError(t, err)
}

// TestOutsideReadsVerdicts: as they come, and from the stream, durably.
func TestOutsideReadsVerdicts(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l := openListening(t)
	require.Regexp(t, `^nats://127\.0\.0\.1:\d+$`, l.ListenURL())
	publishVerdict(t, l, "early", "v0")
	o := connectOutside(t, l)
	sub, err := o.SubscribeSync("falcogate.verdict.>")
	require.NoError(t, err)
	require.NoError(t, o.Flush())
	publishVerdict(t, l, "shop", "v1")
	m, err := sub.NextMsgWithContext(ctx)
	require.NoError(t, err)
	require.Equal(t, "falcogate.verdict.shop.fail", m.Subject)
	require.Equal(t, []string{"v1"}, m.Header["ce-id"], "in the case that was given")

	stream, err := o.js.Stream(ctx, eventlog.VerdictStream)
	require.NoError(t, err)
	durable, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "pipeline", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	for _, id := range []string{"v0", "v1"} {
		m, err := durable.Next(jetstream.FetchContext(ctx))
		require.NoError(t, err)
		require.Equal(t, id, string(m.Data()))
		require.Equal(t, []string{id}, m.Headers()["ce-id"])
		require.NoError(t, m.DoubleAck(ctx))
	}
	ordered, err := o.js.OrderedConsumer(ctx, eventlog.VerdictStream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"falcogate.verdict.shop.>"}})
	require.NoError(t, err)
	om, err := ordered.Next(jetstream.FetchContext(ctx))
	require.NoError(t, err)
	require.Equal(t, "v1", string(om.Data()))
	last, err := stream.GetLastMsgForSubject(ctx, "falcogate.verdict.shop.fail")
	require.NoError(t, err)
	require.Equal(t, "v1", string(last.Data))
	require.EqualValues(t, 2, last.Sequence, "positions are the ones that PublishVerdict returns")
}

// TestOutsideCannotWrite tries every way into the streams: straight, by the API,
// and by having the server write on a client's behalf.
func TestOutsideCannotWrite(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l := openListening(t)
	require.NoError(t, l.Append(ctx, oneOfEach()...))
	publishVerdict(t, l, "shop", "v1")
	stored := readAll(t, l, 0)
	o := connectOutside(t, l)
	stream, err := o.js.Stream(ctx, eventlog.VerdictStream)
	require.NoError(t, err)

	// Straight: the server refuses it and says so.
	for _, subject := range []string{
		"falcogate.log.alert.shop.warning.node-1", "falcogate.verdict.shop.pass", "falcogate.mirror.x", "falcogate.origin.CONSUMER.CREATE." + eventlog.VerdictStream,
		"$JS.API.STREAM.PURGE." + eventlog.LogStream, "$JS.API.STREAM.DELETE." + eventlog.LogStream, "$JS.API.STREAM.UPDATE." + eventlog.LogStream,
		"$JS.API.STREAM.PURGE." + eventlog.VerdictStream, "$JS.API.STREAM.DELETE." + eventlog.VerdictStream, "$JS.API.STREAM.UPDATE." + eventlog.VerdictStream,
		"$JS.API.STREAM.MSG.DELETE." + eventlog.LogStream, "$JS.API.STREAM.MSG.DELETE." + eventlog.VerdictStream,
		"$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.INFO." + eventlog.LogStream, "$JS.API.STREAM.MSG.GET." + eventlog.LogStream,
		"$JS.API.CONSUMER.CREATE." + eventlog.LogStream + ".mine", "$JS.API.CONSUMER.DELETE." + eventlog.VerdictStream + ".pipeline",
		"$SYS.REQ.SERVER.PING", "anything",
	} {
		require.NoError(t, o.PublishRequest(subject, "_INBOX.mine", []byte("{}")))
		require.Contains(t, next(ctx, t, o.denied), subject)
	}
	for _, subject := range []string{"falcogate.log.>", ">", "$SYS.>", "$JS.>"} {
		_, err := o.SubscribeSync(subject)
		require.NoError(t, err)
		require.Contains(t, next(ctx, t, o.denied), subject)
	}

	// On its behalf: an answer to a subject of the log or the API, a push
	// consumer that delivers to one, a pull whose messages go to one, an ack
	// that is answered.
	targets := []string{
		"falcogate.log.alert.shop.warning.node-1", "falcogate.verdict.shop.pass",
		"$JS.API.STREAM.PURGE." + eventlog.LogStream, "$JS.API.STREAM.DELETE." + eventlog.LogStream,
		"$JS.API.STREAM.PURGE." + eventlog.VerdictStream, "$JS.API.STREAM.DELETE." + eventlog.VerdictStream,
	}
	for i, target := range targets {
		for _, request := range []string{"$JS.API.INFO", "$JS.API.STREAM.INFO." + eventlog.VerdictStream} {
			require.NoError(t, o.PublishRequest(request, target, nil))
		}
		name := fmt.Sprintf("push-%d", i)
		_, err := stream.CreatePushConsumer(ctx, jetstream.ConsumerConfig{Name: name, DeliverSubject: target, AckPolicy: jetstream.AckNonePolicy})
		t.Logf("push consumer to %s: %v", target, err)
		name = fmt.Sprintf("pull-%d", i)
		_, err = stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Name: name, AckPolicy: jetstream.AckExplicitPolicy})
		require.NoError(t, err)
		require.NoError(t, o.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+eventlog.VerdictStream+"."+name, target, nil))
	}
	// A verdict more, for the push consumers. When it has come through the
	// mirror to a consumer, so has what was asked for before it.
	publishVerdict(t, l, "shop", "v2")
	last, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	require.NoError(t, err)
	for _, id := range []string{"v1", "v2"} {
		m, err := last.Next(jetstream.FetchContext(ctx))
		require.NoError(t, err)
		require.Equal(t, id, string(m.Data()))
	}
	require.NoError(t, o.Flush())
	require.NoError(t, l.Append(ctx, numbered("node-1", 1)), "and behind it in the log")

	got := readAll(t, l, 0)
	require.Equal(t, stored, got[:len(stored)], "nothing is gone")
	require.Len(t, got, len(stored)+1, "nothing was added")
	position, _, err := l.PublishVerdict(ctx, eventlog.VerdictSubject("shop", "pass"), "v3", nil, nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, position, "nor to the verdicts")
	info, err := stream.Info(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, info.State.FirstSeq)
}

// TestOutsideHasNoOtherUser: names that the server knows inside let nobody in.
func TestOutsideHasNoOtherUser(t *testing.T) {
	t.Parallel()
	l := openListening(t)
	for _, user := range []string{"falcogate", "FALCOGATE", "admin", "sys", "mirror"} {
		_, err := nats.Connect(l.ListenURL(), nats.UserInfo(user, ""))
		require.ErrorIs(t, err, nats.ErrAuthorization, user)
	}
}

func next(ctx context.Context, t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-ctx.Done():
		require.Fail(t, "the server has not refused it")
		return ""
	}
}

func TestListenAddressInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	opts := eventlog.Options{DataDir: t.TempDir(), Logger: quiet, NATSListen: l.Addr().String()}
	_, err = eventlog.Open(testContext(t), opts)
	require.ErrorContains(t, err, "address already in use")
	opts.NATSListen = ""
	open(t, opts) // it has let go of the directory
}

// TestTLS: the server's certificate is checked, and ours is asked for.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool, pair := certificates(t, dir)
	n := newNATS(t, fmt.Sprintf("tls: {cert_file: %q, key_file: %q, ca_file: %q, verify: true}",
		filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")))
	ctx := testContext(t)
	l := open(t, eventlog.Options{URL: n.url(), Logger: quiet, TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}})
	require.NoError(t, l.Append(ctx, numbered("node-1", 1)))

	for _, config := range []*tls.Config{{RootCAs: pool, MinVersion: tls.VersionTLS12}, {Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}} {
		short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		_, err := eventlog.Open(short, eventlog.Options{URL: n.url(), Logger: quiet, TLS: config})
		cancel()
		require.ErrorContains(t, err, "tls")
	}
}

// certificates writes a CA and a certificate of it for 127.0.0.1.
func certificates(t *testing.T, dir string) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "falcogate"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: caDER}, "cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	caCert, err := x509.ParseCertificate(caDER)
	require.NoError(t, err)
	pool.AddCert(caCert)
	return pool, pair
}

// TestCredentials uses a server that knows its users by their JWTs.
func TestCredentials(t *testing.T) {
	t.Parallel()
	key := func(make func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		pair, err := make()
		require.NoError(t, err)
		public, err := pair.PublicKey()
		require.NoError(t, err)
		return pair, public
	}
	operator, operatorKey := key(nkeys.CreateOperator)
	account, accountKey := key(nkeys.CreateAccount)
	user, userKey := key(nkeys.CreateUser)
	system, systemKey := key(nkeys.CreateAccount)
	_ = system
	oc := jwt.NewOperatorClaims(operatorKey)
	oc.SystemAccount = systemKey
	operatorJWT, err := oc.Encode(operator)
	require.NoError(t, err)
	ac := jwt.NewAccountClaims(accountKey)
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	accountJWT, err := ac.Encode(operator)
	require.NoError(t, err)
	systemJWT, err := jwt.NewAccountClaims(systemKey).Encode(operator)
	require.NoError(t, err)
	userJWT, err := jwt.NewUserClaims(userKey).Encode(account)
	require.NoError(t, err)
	seed, err := user.Seed()
	require.NoError(t, err)
	creds, err := jwt.FormatUserConfig(userJWT, seed)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "falcogate.creds")
	require.NoError(t, os.WriteFile(file, creds, 0o600))

	n := newNATS(t, fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: {%s: %s, %s: %s}",
		operatorJWT, systemKey, accountKey, accountJWT, systemKey, systemJWT))
	ctx := testContext(t)
	l := open(t, eventlog.Options{URL: n.url(), CredsFile: file, Logger: quiet})
	require.NoError(t, l.Append(ctx, numbered("node-1", 1)))
	require.Len(t, readAll(t, l, 0), 1)

	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	_, err = eventlog.Open(short, eventlog.Options{URL: n.url(), Logger: quiet})
	require.ErrorContains(t, err, "Authorization Violation")
	require.NotContains(t, strings.ToLower(err.Error()), "seed")
}

// TestOutsideAsks: below the prefix and nowhere else, and an answer goes to inboxes alone.
func TestOutsideAsks(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	l := openEmbedded(t, func(o *eventlog.Options) { o.NATSListen, o.AskPrefix = "127.0.0.1:0", "falcogate.v1" })
	answering, err := l.Connect("test", "")
	require.NoError(t, err)
	t.Cleanup(answering.Close)
	_, err = answering.Subscribe("falcogate.v1.echo", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	require.NoError(t, err)
	require.NoError(t, answering.FlushWithContext(ctx))
	o := connectOutside(t, l)
	got, err := o.RequestWithContext(ctx, "falcogate.v1.echo", []byte("hello"))
	require.NoError(t, err)
	require.Equal(t, "hello", string(got.Data))

	verdicts, err := o.SubscribeSync("falcogate.verdict.>")
	require.NoError(t, err)
	require.NoError(t, o.PublishRequest("falcogate.v1.echo", "falcogate.verdict.shop.pass", []byte("forged")))
	_, err = o.RequestWithContext(ctx, "falcogate.v1.echo", []byte("behind it"))
	require.NoError(t, err)
	n, _, err := verdicts.Pending()
	require.NoError(t, err)
	require.Zero(t, n)
	for _, subject := range []string{"falcogate.v2.echo", "falcogate.verdict.shop.pass", "falcogate.log.alert.shop.warning.node-1"} {
		require.NoError(t, o.Publish(subject, nil))
		require.Contains(t, next(ctx, t, o.denied), subject)
	}
	_, err = o.SubscribeSync("falcogate.v1.>")
	require.NoError(t, err)
	require.Contains(t, next(ctx, t, o.denied), "falcogate.v1.>", "others' requests are not theirs to read")
}
