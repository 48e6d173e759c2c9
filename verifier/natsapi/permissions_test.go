package natsapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier/natsapi"
)

// documentedServer runs with the accounts that docs/nats.md shows.
func documentedServer(t *testing.T) *server.Server {
	t.Helper()
	doc, err := os.ReadFile("../../docs/nats.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(doc), "```text\n")
	config, _, ends := strings.Cut(after, "```\n")
	require.True(t, found && ends)
	for _, name := range []string{"FALCOGATE", "API", "SHOP"} {
		t.Setenv(name, "pass-"+name)
	}
	file := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	opts, err := server.ProcessConfigFile(file)
	require.NoError(t, err)
	opts.Host, opts.Port, opts.NoSigs, opts.NoLog, opts.JetStream, opts.StoreDir = "127.0.0.1", server.RANDOM_PORT, true, true, true, t.TempDir()
	s, err := server.NewServer(opts)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(10*time.Second))
	return s
}

// With what docs/nats.md shows, a caller asks and reads its answers, and that is all it
// can do: the answers to others, and what looks like a verdict, are out of its reach.
func TestDocumentedAccounts(t *testing.T) {
	s := documentedServer(t)
	denied := make(chan error, 8)
	login := func(user, password string, opts ...nats.Option) *nats.Conn {
		closed := make(chan struct{})
		nc, err := nats.Connect(s.ClientURL(), append(opts, nats.UserInfo(user, password), nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))...)
		require.NoError(t, err)
		t.Cleanup(func() { nc.Close(); <-closed })
		return nc
	}
	startReplica(t, login("falcogate-api", "pass-API"), nil)
	shop := login("shop", "pass-SHOP", nats.CustomInboxPrefix("_INBOX_shop"))
	require.Equal(t, "200", ask(t, shop, "verdict", `{"ns":"shop","since":"10m"}`).Header.Get(natsapi.StatusHeader))
	require.Equal(t, "201", ask(t, shop, "gates.open", `{"ns":"shop","duration":"10m"}`).Header.Get(natsapi.StatusHeader))
	refused := func(what string) {
		t.Helper()
		require.NoError(t, shop.Flush())
		require.ErrorIs(t, <-denied, nats.ErrPermissionViolation, what)
	}
	require.NoError(t, shop.Publish("falcogate.v1.alerts", nil))
	refused("what it was not permitted to ask")
	require.NoError(t, shop.Publish("falcogate.verdict.shop.pass", nil))
	refused("a verdict of its own")
	for _, subject := range []string{"falcogate.v1.>", "_INBOX.>", "falcogate.verdict.cart.>"} {
		_, err := shop.SubscribeSync(subject)
		require.NoError(t, err)
		refused(subject)
	}
	// An answer that the answering user may not write goes nowhere.
	verdicts, err := shop.SubscribeSync("falcogate.verdict.shop.>")
	require.NoError(t, err)
	require.NoError(t, shop.PublishRequest("falcogate.v1.verdict", "falcogate.verdict.shop.pass", []byte(`{"ns":"shop","since":"10m"}`)))
	require.Equal(t, "200", ask(t, shop, "verdict", `{"ns":"shop","since":"10m"}`).Header.Get(natsapi.StatusHeader))
	n, _, err := verdicts.Pending()
	require.NoError(t, err)
	require.Zero(t, n)
}
