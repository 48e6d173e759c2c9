package falcohttp

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/internal/listen"
)

// warnInterval is how often the log is told at most of what was refused.
const warnInterval = 10 * time.Second

// Server is the ingest listener. Its methods may be called concurrently.
type Server struct {
	listen    string
	tls       bool
	intake    *consumer.Intake
	bodyLimit int64
	bodyTime  time.Duration // bodyTimeout, but in tests
	logger    *slog.Logger
	tokens    func() *Tokens // nil when none are asked for
	anywhere  bool           // may listen beyond loopback
	warn      rate.Sometimes
	strangers rate.Sometimes // apart, so that they can't silence the other
	metrics   *metrics
	http      *http.Server

	// life ends when requests that are still held are given up. A sender who
	// goes away does not end it: Falco would not send the alert again.
	life  context.Context
	end   context.CancelFunc
	slots chan struct{} // one element for each request in flight

	mu       sync.Mutex
	listener net.Listener
	stopped  bool
	done     chan struct{} // closed when the accept loop has ended
	err      error         // why, unless by Shutdown; read after done
}

// NewServer makes a Server that does not listen yet.
func NewServer(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{
		listen:    o.Listen,
		tls:       o.TLS != nil,
		intake:    o.Intake,
		bodyLimit: o.BodyLimit,
		bodyTime:  bodyTimeout,
		logger:    o.Logger,
		tokens:    o.Tokens,
		anywhere:  o.Open || o.asked(),
		warn:      rate.Sometimes{First: 1, Interval: warnInterval},
		strangers: rate.Sometimes{First: 1, Interval: warnInterval},
		slots:     make(chan struct{}, o.MaxInFlight),
		done:      make(chan struct{}),
	}
	s.life, s.end = context.WithCancel(context.Background())
	var err error
	if s.metrics, err = newMetrics(o.Registerer); err != nil {
		return nil, err
	}
	// HTTP/1.1 only: Falco sends one request at a time, so that HTTP/2 would
	// bring nothing but another set of limits to get right. No WriteTimeout: it
	// would cut a request that is held.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	s.http = &http.Server{
		Handler:           s,
		Protocols:         protocols,
		TLSConfig:         o.TLS.Clone(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          log.New(connectionErrors{s}, "", 0),
	}
	return s, nil
}

// Start listens, and serves in the background until Shutdown. The error says
// that the address can't be listened on, or that the Server was started or shut
// down before.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.listener != nil {
		return errors.New("ingest listener: was started or shut down before")
	}
	l, err := listen.TCP(s.life, s.listen, s.anywhere)
	if err != nil {
		return fmt.Errorf("ingest listener: %w", err)
	}
	s.listener = l
	go func() {
		defer close(s.done)
		serve := s.http.Serve
		if s.tls {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.err = fmt.Errorf("ingest listener: %w", err)
		}
	}()
	return nil
}

// Addr is the address that is listened on, or nil before Start.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Done is closed when the Server accepts no connections any more; Err tells
// why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is what ended the accept loop before Shutdown did; nil while it runs.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}
