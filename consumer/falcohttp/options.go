package falcohttp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/falcogate/falcogate/consumer"
)

// What Options leave open, and what is not open.
const (
	// DefaultBodyLimit is a hundred times the largest alert of Falco.
	DefaultBodyLimit = 1 << 20
	// DefaultMaxInFlight is one request each of that many Falcos, as one Falco
	// sends one at a time.
	DefaultMaxInFlight = 1024

	headerTimeout = 10 * time.Second
	headerLimit   = 32 << 10
	bodyTimeout   = 10 * time.Second
	// idleTimeout is longer than the longest usual pause of a Falco, an hour
	// between metrics snapshots: a connection that is closed while the next
	// alert is on its way may cost that alert. Dead peers are found sooner, by
	// TCP's keepalive.
	idleTimeout = 2 * time.Hour
	// answerGrace is how long Shutdown lets requests that were given up get
	// their 503.
	answerGrace = time.Second
)

// Options configure a Server.
type Options struct {
	// Listen is the TCP address, such as 127.0.0.1:2801; port 0 takes a free
	// one. Required.
	Listen string
	// TLS, when not nil, makes this an HTTPS listener. It must have a
	// certificate; ClientAuth and ClientCAs in it decide who may send.
	TLS *tls.Config
	// Tokens, when not nil, gives the tokens as they are now, and lets in only who
	// shows one of them, or a client certificate that TLS has verified: with both,
	// TLS should ask for tls.VerifyClientCertIfGiven.
	Tokens func() *Tokens
	// Open lets anybody send to a listener beyond loopback. Without it, Start
	// refuses such an address unless senders must show a token or a certificate.
	Open bool
	// Intake takes what arrives; required.
	Intake *consumer.Intake
	// BodyLimit is the largest body in bytes; zero means DefaultBodyLimit.
	BodyLimit int64
	// MaxInFlight is how many requests are read or wait for the log at once; a
	// further one waits, unread, until one of them is answered. Times BodyLimit
	// it bounds the memory. Zero means DefaultMaxInFlight.
	MaxInFlight int
	// Logger is told of refused requests and connections, at most one in ten
	// seconds. Nil means slog.Default().
	Logger *slog.Logger
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// complete checks the options and fills in what they leave open.
func (o *Options) complete() error {
	switch {
	case o.Listen == "":
		return errors.New("ingest listener: want an address such as 127.0.0.1:2801, have none")
	case o.Intake == nil:
		return errors.New("ingest listener: want an intake, have none")
	case o.BodyLimit < 0 || o.MaxInFlight < 0:
		return fmt.Errorf("ingest listener: want limits above zero, have a body limit of %d bytes and %d requests in flight", o.BodyLimit, o.MaxInFlight)
	case o.TLS != nil && len(o.TLS.Certificates) == 0 && o.TLS.GetCertificate == nil && o.TLS.GetConfigForClient == nil:
		return errors.New("ingest listener: want a certificate for TLS, have none")
	}
	if o.BodyLimit == 0 {
		o.BodyLimit = DefaultBodyLimit
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}
