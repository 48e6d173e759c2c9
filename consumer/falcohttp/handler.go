package falcohttp

import (
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/internal/problem"
)

// ServeHTTP answers one request. POST / is an alert; everything else is a
// problem, as is whatever comes from who may not send. It blocks until the alert is
// stored.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	s.metrics.held.Inc()
	defer s.metrics.held.Dec()
	switch {
	case !s.admits(r):
		s.turnAway(w, r)
	case r.URL.Path != "/":
		s.refuse(w, r, http.StatusNotFound, "want POST / with one of Falco's alerts, have another path: "+
			"set http_output.url in Falco's configuration to this address with the path /")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		s.refuse(w, r, http.StatusMethodNotAllowed, "this listener takes the alerts that Falco POSTs to it (http_output.url in Falco's configuration); "+
			"questions are answered by falcogate's API, on its own address")
	default:
		select {
		case s.slots <- struct{}{}:
			s.ingest(w, r, start)
		default:
			s.wait(w, r)
		}
	}
	s.metrics.duration.Observe(time.Since(start).Seconds())
}

// wait is ingest for a request that has to wait for its turn.
func (s *Server) wait(w http.ResponseWriter, r *http.Request) {
	select {
	case s.slots <- struct{}{}:
		s.ingest(w, r, time.Now())
	case <-s.life.Done():
		s.giveUp(w, r, s.life.Err())
	}
}

// ingest stores the alert in the body, or what came in its place, answers, and
// ends the request's turn, which began at start.
func (s *Server) ingest(w http.ResponseWriter, r *http.Request, start time.Time) {
	s.metrics.inFlight.Inc()
	defer func() {
		s.metrics.inFlight.Dec()
		<-s.slots
	}()
	buf := buffers.Get().(*[]byte)
	defer release(buf)
	body, broken := s.read(w, r, buf, start)
	m := consumer.Message{
		Transport: consumer.TransportHTTP,
		Peer:      r.RemoteAddr,
		Received:  time.Now(),
		Raw:       body,
	}
	if broken != nil {
		m.Size = int(max(r.ContentLength, int64(len(body))))
		s.malformed(w, r, m, broken)
		return
	}
	a, err := consumer.DecodeJSON(body)
	if err != nil {
		s.malformed(w, r, m, &refusal{statusOf(r, err), err})
		return
	}
	err = s.intake.Accept(s.life, m, a)
	var me *consumer.MalformedError
	switch {
	case err == nil:
		s.metrics.stored.Inc()
		w.WriteHeader(http.StatusOK)
	case errors.As(err, &me):
		// It is stored already as what it is.
		s.refuse(w, r, statusOf(r, err), err.Error())
	default:
		s.giveUp(w, r, err)
	}
}

// malformed stores what can't be read and then says why.
func (s *Server) malformed(w http.ResponseWriter, r *http.Request, m consumer.Message, why *refusal) {
	if err := s.intake.Malformed(s.life, m, why.cause); err != nil {
		s.giveUp(w, r, err)
		return
	}
	s.refuse(w, r, why.status, why.cause.Error())
}

// refusal is a malformed message and the status that says so.
type refusal struct {
	status int
	cause  error
}

// statusOf is the status for a message that can't be read.
func statusOf(r *http.Request, err error) int {
	var me *consumer.MalformedError
	if !errors.As(err, &me) {
		return http.StatusBadRequest
	}
	switch me.Class {
	case consumer.ClassTooLarge, consumer.ClassRefused:
		return http.StatusRequestEntityTooLarge
	case consumer.ClassText:
		// Falco says text/plain when json_output is false.
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != ContentTypeJSON && !strings.HasSuffix(kind, "+json") {
			return http.StatusUnsupportedMediaType
		}
	}
	return http.StatusBadRequest
}

// refuse answers with a problem. Falco does not look at it; a person with curl
// does, and the log tells the operator.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, detail string) {
	s.warn.Do(func() {
		s.logger.Warn("refused a request to the ingest listener; Falco does not send it again",
			slog.Int("status", status), slog.String("peer", r.RemoteAddr), slog.String("method", r.Method),
			slog.String("path", r.URL.Path), slog.String("reason", detail))
	})
	s.answerProblem(w, status, detail)
}

// answerProblem counts a refusal, and answers.
func (s *Server) answerProblem(w http.ResponseWriter, status int, detail string) {
	s.metrics.answered(status)
	problem.Write(w, status, detail)
}

// giveUp answers a request whose message is not known to be stored: the Server
// ends, or the log takes nothing any more.
func (s *Server) giveUp(w http.ResponseWriter, r *http.Request, err error) {
	if s.life.Err() != nil {
		s.metrics.givenUp.Add(1)
	}
	w.Header().Set("Connection", "close")
	s.refuse(w, r, http.StatusServiceUnavailable, "the message is not stored: "+err.Error())
}
