package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/falcogate/falcogate/internal/listen"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
)

// DefaultListen is where the API listens unless told otherwise.
const DefaultListen = "127.0.0.1:8080"

// writeTimeout bounds an answer: it is longer than the service's waits together,
// for catching up, reading alerts, publishing. An answer that is held gets more.
const writeTimeout = 40 * time.Second

// Service is what the API serves.
type Service interface {
	// Now is the clock that questions are checked against.
	Now() time.Time
	// Evaluate answers a question; a *verifier.FieldError says what is wrong
	// with it.
	Evaluate(ctx context.Context, q verifier.Question) (*verifier.Verdict, error)
	// Publish answers a question and publishes the verdict, or returns an error
	// that wraps verifier.ErrNotPublished.
	Publish(ctx context.Context, q verifier.Question) (*verifier.Verdict, error)
	// Alerts lists alerts; a *verifier.FieldError says what is wrong.
	Alerts(ctx context.Context, sel verifier.Selection) (*verifier.AlertList, error)
	// Sensors lists sensors.
	Sensors(ctx context.Context) *verifier.SensorList
	// Explain evaluates a published verdict again, or returns an error that wraps
	// verifier.ErrNoVerdict or verifier.ErrBusy, or what may returns for the
	// verdict's namespace.
	Explain(ctx context.Context, id string, may func(ctx context.Context, namespace string) error) (*verifier.Explanation, error)
	// Published returns a published verdict, or an error that wraps
	// verifier.ErrNoVerdict or verifier.ErrBusy.
	Published(ctx context.Context, id string) (*verifier.Published, error)
	// Diagnose says what each sensor lacks for proof.
	Diagnose(ctx context.Context) *verifier.Diagnosis
}

// Options configure a Server.
type Options struct {
	// Listen is the host:port to listen at; empty means DefaultListen.
	Listen string
	// TLS serves HTTPS when it is not nil. It must have a certificate.
	TLS *tls.Config
	// Guard says who may ask. Nil asks nobody, and is for loopback alone: Start
	// refuses any other address. There it takes an access.Open to ask nobody.
	Guard access.Guard
	// Service answers questions. Nil, where only the consumer runs, leaves
	// health and metrics.
	Service Service
	// Gates serves gates; it goes with Service. Nil leaves them out.
	Gates Gates
	// Rollouts serves the webhooks of Flagger; it goes with Service. Nil leaves them out.
	Rollouts Rollouts
	// Attestor signs verdicts for who asks; nil signs none.
	Attestor Attestor
	// Ready says what is missing for answers to be had, nil when nothing is.
	// Nil means always ready.
	Ready func() error
	// Gatherer is served as /metrics; without one there is no such path.
	Gatherer prometheus.Gatherer
	// Registerer gets the server's own collectors. Nil means a private registry.
	Registerer prometheus.Registerer
	// Logger is told of failed requests. Nil discards.
	Logger *slog.Logger
}

// Server serves the API. All methods may be called concurrently.
type Server struct {
	service  Service
	gates    Gates
	rollouts Rollouts
	attestor Attestor
	guard    access.Guard
	anywhere bool // a guard was given
	ready    func() error
	gatherer prometheus.Gatherer
	logger   *slog.Logger
	warn     rate.Sometimes
	meters   serverMetrics
	draining atomic.Bool
	streams  context.Context // ends when the streams of events are to
	endAll   context.CancelFunc
	interval time.Duration // verifier.GateEventInterval, but for tests
	started  atomic.Bool

	listen   string
	tls      bool
	http     *http.Server
	listener net.Listener  // set by Start
	done     chan struct{} // closed when serving has ended
	err      error         // why it has, when nobody asked for it
}

// NewServer makes a Server that does not listen yet.
func NewServer(opts Options) *Server {
	s := &Server{
		service:  opts.Service,
		gates:    opts.Gates,
		rollouts: opts.Rollouts,
		attestor: opts.Attestor,
		guard:    opts.Guard,
		anywhere: opts.Guard != nil,
		warn:     rate.Sometimes{First: 1, Interval: unavailableWarnings},
		ready:    opts.Ready,
		gatherer: opts.Gatherer,
		logger:   opts.Logger,
		meters:   newServerMetrics(opts.Registerer),
		listen:   opts.Listen,
		tls:      opts.TLS != nil,
		done:     make(chan struct{}),
		interval: verifier.GateEventInterval,
	}
	s.streams, s.endAll = context.WithCancel(context.Background())
	if s.guard == nil {
		s.guard = access.Open{}
	}
	if s.ready == nil {
		s.ready = func() error { return nil }
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.listen == "" {
		s.listen = DefaultListen
	}
	s.http = &http.Server{
		Handler:           s.routes(),
		TLSConfig:         opts.TLS.Clone(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Handler answers requests without a listener, as those that come over another way.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Start listens and serves in the background. Call it once. An error says why
// it could not listen.
func (s *Server) Start(ctx context.Context) error {
	l, err := listen.TCP(ctx, s.listen, s.anywhere)
	if err != nil {
		return fmt.Errorf("the API cannot listen at %s: %w", s.listen, err)
	}
	s.listener = l
	s.started.Store(true)
	go func() {
		defer close(s.done)
		serve := s.http.Serve
		if s.tls {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.err = fmt.Errorf("the API stopped serving: %w", err)
		}
	}()
	return nil
}

// Addr is the host:port that Start listens at, with the port that it got.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Wait blocks until serving has ended, and returns nil when Shutdown ended it.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Drain makes /readyz say that the server is about to go, so that no new
// requests are sent here. Everything is still answered.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown drains, stops listening, ends streams of events and waits for the other
// requests under way. When ctx ends before they do, their connections are cut and its error returned.
// It does nothing before Start has returned, and when it is called again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	s.endAll()
	if !s.started.Load() {
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // what it could add is said by err
	}
	<-s.done
	return err
}
