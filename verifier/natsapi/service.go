package natsapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/falcogate/falcogate/internal/problem"
)

const (
	// ServiceName is the name under which NATS' tools find the service.
	ServiceName = "falcogate"
	// DefaultPrefix is what the subjects of all endpoints begin with.
	DefaultPrefix = "falcogate.v1"
	// queueGroup shares the requests among the replicas.
	queueGroup = "falcogate"
	// apiVersion is the service's: the form of requests and answers, not the daemon's.
	apiVersion = "1.0.0"
	// MaxPayload bounds a request, in bytes. It is the HTTP interface's bound on bodies.
	MaxPayload = 64 << 10
	// maxRequests bounds the requests under way. An answer that is held takes little.
	maxRequests = 1000
)

// prefixForm is what a prefix may be: tokens without wildcards.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$`)

// CheckPrefix says what is wrong with a prefix of subjects, or nil.
func CheckPrefix(prefix string) error {
	if !prefixForm.MatchString(prefix) {
		return fmt.Errorf("%.80q: want letters, digits, hyphens and underscores with single dots between them, the first a letter or a digit, such as %s", prefix, DefaultPrefix)
	}
	// Whoever may ask below falcogate.verdict could write what looks like one.
	if (prefix == "falcogate" || strings.HasPrefix(prefix, "falcogate.")) && prefix != DefaultPrefix {
		return fmt.Errorf("%.80q: other subjects below falcogate. than %s are the log's and the verdicts'", prefix, DefaultPrefix)
	}
	return nil
}

// Options configure a Service.
type Options struct {
	// Conn is the connection to answer over. The service neither makes nor closes it.
	Conn *nats.Conn
	// Handler is the HTTP interface.
	Handler http.Handler
	// Prefix is what subjects begin with; empty means DefaultPrefix.
	Prefix string
	// Version of the daemon, for the service's metadata.
	Version string
	// Logger is told of answers that could not be sent. Nil discards.
	Logger *slog.Logger
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// Service answers requests until it is stopped. Its methods may be called concurrently.
type Service struct {
	handler  http.Handler
	logger   *slog.Logger
	service  micro.Service
	places   chan struct{} // room for those under way
	running  sync.WaitGroup
	requests context.Context // ends when those under way are to
	end      context.CancelFunc
	answered *prometheus.CounterVec
}

// Start begins to answer. The error says what is wrong with the options, or that the
// connection is closed.
func Start(o Options) (*Service, error) {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if err := CheckPrefix(o.Prefix); err != nil {
		return nil, fmt.Errorf("subject prefix %w", err)
	}
	s := &Service{handler: o.Handler, logger: o.Logger, places: make(chan struct{}, maxRequests)}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	s.answered = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "falcogate_nats_requests_total", Help: "Requests over NATS, by endpoint and HTTP status of the answer.",
	}, []string{"endpoint", "status"})
	o.Registerer.MustRegister(s.answered)
	s.requests, s.end = context.WithCancel(context.Background())
	var err error
	s.service, err = micro.AddService(o.Conn, micro.Config{
		Name: ServiceName, Version: apiVersion, QueueGroup: queueGroup,
		Description: "Did Falco see anything? Verdicts that rest on proof, alerts, sensors and gates.",
		Metadata:    map[string]string{"falcogate_version": o.Version},
	})
	if err != nil {
		s.end()
		return nil, fmt.Errorf("adding the service %s to NATS: %w", ServiceName, err)
	}
	for i := range endpoints {
		e := &endpoints[i]
		err := s.service.AddEndpoint(strings.ReplaceAll(e.name, ".", "-"), micro.HandlerFunc(func(req micro.Request) { s.take(e, req) }),
			micro.WithEndpointSubject(o.Prefix+"."+e.name), micro.WithEndpointMetadata(map[string]string{"about": e.about}))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("adding the endpoint %s to NATS: %w", e.name, err), s.Stop(context.Background()))
		}
	}
	return s, nil
}

// Stop takes no more requests, ends those that are held and waits for all under way, at
// most until ctx ends; then the error is ctx's.
func (s *Service) Stop(ctx context.Context) error {
	err := s.service.Stop()
	s.end()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
	if errors.Is(err, nats.ErrConnectionClosed) {
		return nil // nobody is left to be answered
	}
	return err
}

// take answers a request in a goroutine of its own: it may be held, and the next one of
// the endpoint comes only when this returns.
func (s *Service) take(e *endpoint, req micro.Request) {
	if !answerable(req.Reply()) {
		s.answered.WithLabelValues(e.name, "unanswerable").Inc()
		s.logger.Debug("a request over NATS names no subject to answer to that is a client's own", "endpoint", e.name, "reply", req.Reply())
		return
	}
	select {
	case s.places <- struct{}{}:
	default:
		a := newAnswer()
		a.header.Set("Retry-After", "1")
		problem.Write(a, http.StatusTooManyRequests, fmt.Sprintf("%d requests over NATS are under way, as many as may be: ask again", maxRequests))
		s.send(e, req, a)
		return
	}
	s.running.Go(func() {
		defer func() { <-s.places }()
		s.send(e, req, s.ask(e, req))
	})
}

// answerable reports whether an answer may go to a subject. One of the log's or the
// server's own would have us write there for whoever may not.
func answerable(reply string) bool {
	return reply != "" && !strings.HasPrefix(reply, "falcogate.") && !strings.HasPrefix(reply, "$")
}

// ask asks the HTTP interface.
func (s *Service) ask(e *endpoint, req micro.Request) *answer {
	a := newAnswer()
	if n := len(req.Data()); n > MaxPayload {
		problem.Write(a, http.StatusRequestEntityTooLarge, fmt.Sprintf("the payload has %d bytes: want at most %d", n, MaxPayload))
		return a
	}
	target, body, err := e.request(req.Data())
	if err != nil {
		problem.Write(a, http.StatusBadRequest, err.Error())
		return a
	}
	r, err := http.NewRequestWithContext(s.requests, e.method, target, bytes.NewReader(body))
	if err != nil {
		problem.Write(a, http.StatusBadRequest, "the payload makes no request: "+err.Error())
		return a
	}
	r.Header.Set("Content-Type", "application/json")
	for _, token := range req.Headers().Values("Authorization") {
		r.Header.Add("Authorization", token)
	}
	return s.serve(e, r)
}

// serve has a request answered. As over HTTP, a handler that panics ends its own request
// and no more.
func (s *Service) serve(e *endpoint, r *http.Request) (a *answer) {
	defer func() {
		if reason := recover(); reason != nil {
			s.logger.Error("a request over NATS panicked", "endpoint", e.name, "panic", reason, "stack", string(debug.Stack()))
			a = newAnswer()
			problem.Write(a, http.StatusInternalServerError, "the request could not be answered; the log of falcogate says more")
		}
	}()
	a = newAnswer()
	s.handler.ServeHTTP(a, r)
	return a
}

// send sends an answer. One that is too large for the server becomes a problem.
func (s *Service) send(e *endpoint, req micro.Request, a *answer) {
	err := a.respond(req)
	if errors.Is(err, nats.ErrMaxPayload) {
		size := a.body.Len()
		a = newAnswer()
		problem.Write(a, http.StatusInsufficientStorage, fmt.Sprintf("the answer has %d bytes, more than the NATS server takes in a message (max_payload): ask for less (limit)", size))
		err = a.respond(req)
	}
	s.answered.WithLabelValues(e.name, strconv.Itoa(a.status)).Inc()
	if err != nil {
		s.logger.Warn("an answer could not be sent over NATS", "endpoint", e.name, "error", err)
	}
}
