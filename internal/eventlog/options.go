package eventlog

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say where the event log is and how much of it is kept. The zero value
// is not valid: either DataDir or URL must be set.
type Options struct {
	// DataDir is the directory of the embedded server's store, made when it is
	// not there. One process at a time may use it. Ignored when URL is set.
	DataDir string
	// URL is the NATS server to connect to, or several with commas between
	// them. Empty means an embedded server.
	URL string
	// Name is the connection's name, as the server shows it. Empty means
	// "falcogate".
	Name string
	// CredsFile is a NATS credentials file. Only with URL.
	CredsFile string
	// TLS is used for the connection to URL when it is not nil.
	TLS *tls.Config
	// Replicas of both streams: 1, 3 or 5. Zero means 1. An embedded server has
	// one.
	Replicas int
	// NoUpdate uses streams that exist as they are: for a process that only
	// reads, whose own settings are not meant for them.
	NoUpdate bool
	// Retention is how long records are kept at least, by the log's clock,
	// as long as MaxBytes allows. Zero means 24 hours.
	Retention time.Duration
	// MaxBytes bounds the log's size on disk; the oldest records go first. Zero
	// means 10 GiB.
	MaxBytes int64
	// SyncInterval is how often the embedded server syncs its files: what was
	// acknowledged in the last interval may be lost by a power failure, not by
	// a crash of the process. Zero means one second.
	SyncInterval time.Duration
	// SyncAlways makes the embedded server sync before it acknowledges.
	SyncAlways bool
	// NATSListen is the host:port at which the embedded server takes outside
	// clients, which may read verdicts and nothing else. Empty means none.
	NATSListen string
	// AskPrefix is what the subjects begin with that outside clients of the embedded
	// server may send requests to (Log.Connect). Empty means none.
	AskPrefix string
	// Logger receives the log's own messages and the embedded server's. Nil
	// means slog.Default().
	Logger *slog.Logger
	// Registerer receives the metrics. Nil means a private registry.
	Registerer prometheus.Registerer
}

// Defaults of Options.
const (
	DefaultName               = "falcogate"
	DefaultRetention          = 24 * time.Hour
	DefaultMaxBytes     int64 = 10 << 30
	DefaultSyncInterval       = time.Second
	minRetention              = 100 * time.Millisecond // the server's least age
	minMaxBytes         int64 = 1 << 20
)

// complete fills in defaults and refuses what can't be right.
func (o *Options) complete() error {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.SyncInterval == 0 {
		o.SyncInterval = DefaultSyncInterval
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if err := o.check(); err != nil {
		return fmt.Errorf("event log: options: %w", err)
	}
	return nil
}

func (o *Options) check() error {
	switch {
	case o.URL == "" && o.DataDir == "":
		return errors.New("neither a NATS URL nor a data directory is set")
	case o.Retention < minRetention:
		return fmt.Errorf("retention %s, want %s or more", o.Retention, minRetention)
	case o.MaxBytes < minMaxBytes:
		return fmt.Errorf("%d bytes at most, want %d or more", o.MaxBytes, minMaxBytes)
	case o.SyncInterval < 0:
		return fmt.Errorf("sync interval %s, want more than zero", o.SyncInterval)
	case o.Replicas != 1 && o.Replicas != 3 && o.Replicas != 5:
		return fmt.Errorf("%d replicas, want 1, 3 or 5", o.Replicas)
	case o.URL == "" && o.Replicas != 1:
		return fmt.Errorf("%d replicas on an embedded server, want 1, or the URL of a NATS cluster", o.Replicas)
	case o.URL == "" && (o.CredsFile != "" || o.TLS != nil):
		return errors.New("credentials or TLS without a NATS URL")
	case o.URL != "" && o.NATSListen != "":
		return errors.New("a NATS listen address with a NATS URL: only the embedded server listens")
	case o.URL != "" && o.SyncAlways:
		return errors.New("sync-always with a NATS URL: set sync_interval: always at that server")
	}
	if o.NATSListen != "" {
		if _, _, err := listenAddress(o.NATSListen); err != nil {
			return err
		}
	}
	if o.CredsFile != "" {
		if _, err := os.Stat(o.CredsFile); err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
	}
	if o.URL == "" {
		return nil
	}
	// The URLs may hold passwords: they are not repeated.
	for i, one := range strings.Split(o.URL, ",") {
		if u, err := url.Parse(withScheme(one)); err != nil || u.Host == "" {
			return fmt.Errorf("NATS URL number %d is not one: want nats://host:port, tls://, ws:// or wss://", i+1)
		}
	}
	return nil
}

// address names the log in messages: without user, password and token.
func (o *Options) address() string {
	if o.URL == "" {
		return o.DataDir
	}
	var servers []string
	for one := range strings.SplitSeq(o.URL, ",") {
		u, err := url.Parse(withScheme(one))
		if err != nil {
			continue // refused by check
		}
		servers = append(servers, u.Scheme+"://"+u.Host)
	}
	return strings.Join(servers, ",")
}

func withScheme(u string) string {
	u = strings.TrimSpace(u)
	if !strings.Contains(u, "://") {
		return "nats://" + u
	}
	return u
}
