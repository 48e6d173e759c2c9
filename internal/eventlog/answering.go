package eventlog

import (
	"fmt"
	"log/slog"
	"net"

	"github.com/nats-io/nats.go"
)

// askPermissions are what an outside client of the embedded server may publish besides:
// requests below the prefix, and those of NATS' tools for services.
func askPermissions(prefix string) string {
	if prefix == "" {
		return ""
	}
	return fmt.Sprintf("\n          %q\n          \"$SRV.>\"", prefix+".>")
}

// answererUser is the user of the embedded server that takes and answers those requests.
func answererUser(k keys, prefix string) string {
	if prefix == "" {
		return ""
	}
	return fmt.Sprintf(`{nkey: %s, permissions: {subscribe: ["%s.>", "$SRV.>"], publish: ["_INBOX.>"]}}`, k.answerer.public, prefix)
}

// Connect makes a connection on which others' requests can be answered, apart from the
// log's own: at the server of Options.URL, as the user of a credentials file or, when
// that is empty, as the log's own user; or at the embedded server in the account of its
// outside clients, who may ask below Options.AskPrefix. It comes back by itself after an
// outage, however long. The caller closes it, before the log.
func (l *Log) Connect(name, credsFile string) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(l.opts.Name + " " + name), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectWait(reconnectLimit / 5),
		nats.PingInterval(pingInterval), nats.Timeout(connectTimeout),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.logger.Warn("NATS: a request could not be taken or answered", slog.String("connection", name), slog.String("error", err.Error()))
		}),
	}
	if l.server != nil {
		opts = append(opts, nats.InProcessServer(inProcess{l.server}), l.server.keys.answerer.login())
	} else {
		where, err := l.target()
		if err != nil {
			return nil, err
		}
		opts = append(opts, where...)
		if credsFile != "" {
			opts = append(opts, nats.UserCredentials(credsFile)) // the last one counts
		}
	}
	nc, err := nats.Connect(l.opts.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS at %s to answer requests: %w", l.where(), err)
	}
	return nc, nil
}

// inProcess connects to the embedded server, also after it was started anew.
type inProcess struct{ embedded *embedded }

// InProcessConn implements nats.InProcessConnProvider.
func (p inProcess) InProcessConn() (net.Conn, error) {
	server, err := p.embedded.up()
	if err != nil {
		return nil, err
	}
	return server.InProcessConn()
}
