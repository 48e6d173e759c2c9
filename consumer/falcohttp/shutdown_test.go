package falcohttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// shutdown begins a Shutdown and returns once nothing more is accepted.
func shutdown(ctx context.Context, t *testing.T, s *Server) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	<-s.Done()
	_, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
	require.Error(t, err)
	return done
}

func TestShutdownFinishesWhatIsHeld(t *testing.T) {
	log := awayLog()
	s := newServer(t, log, Options{})
	require.NoError(t, s.Start())
	answer := postAsync(t.Context(), t, s, alert("1"))
	<-log.entered
	done := shutdown(t.Context(), t, s)
	require.NoError(t, s.Shutdown(t.Context()), "a second call does not wait")
	close(log.away)
	require.NoError(t, <-answer, "answered 200")
	require.NoError(t, <-done)
	require.NoError(t, s.Err())
	require.Len(t, log.all(), 1)
}

func TestShutdownGivesUpWhatTheLogDoesNotTake(t *testing.T) {
	log, reg := awayLog(), prometheus.NewRegistry()
	s := newServer(t, log, Options{MaxInFlight: 1, Registerer: reg})
	require.NoError(t, s.Start())
	answers := []<-chan error{postAsync(t.Context(), t, s, alert("1"))}
	<-log.entered
	// The second one waits for its turn, its body unread.
	answers = append(answers, postAsync(t.Context(), t, s, alert("2")))
	require.Eventually(t, func() bool { return metric(t, reg, "falcogate_ingest_http_requests_held", "") == 2 }, 5*time.Second, time.Millisecond)

	ctx, cancel := context.WithCancel(t.Context())
	done := shutdown(ctx, t, s)
	cancel()
	for _, a := range answers {
		var answer *AnswerError
		require.ErrorAs(t, <-a, &answer)
		require.Equal(t, http.StatusServiceUnavailable, answer.Status)
		require.Contains(t, answer.Detail, "the message is not stored")
	}
	require.ErrorContains(t, <-done, "2 requests were still held")
	require.Empty(t, log.all())
	require.InDelta(t, 2, metric(t, reg, "falcogate_ingest_http_requests_total", "503"), 0)
	require.InDelta(t, 1, metric(t, reg, "falcogate_unstored_messages_total", "http"), 0)
}

// A connection that neither sends nor ends does not hold up the end.
func TestShutdownIsBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := newServer(t, &memoryLog{}, Options{Registerer: reg})
	require.NoError(t, s.Start())
	inFlight := func() float64 { return metric(t, reg, "falcogate_ingest_http_requests_in_flight", "") }
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return inFlight() == 1 }, 5*time.Second, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	require.NoError(t, s.Shutdown(ctx))
	require.Less(t, time.Since(start), 2*answerGrace)
	require.Zero(t, inFlight(), "nothing uses the intake any more")
}

// A log that takes nothing any more is no reason to say 200.
func TestBrokenLogIsNotAcknowledged(t *testing.T) {
	log, reg := &memoryLog{fail: errors.New("stream is gone")}, prometheus.NewRegistry()
	s := start(t, log, Options{Registerer: reg})
	p := newPoster(t, s)
	for _, body := range [][]byte{alert("1"), []byte("no alert")} {
		err := p.Post(t.Context(), ContentTypeJSON, body)
		var answer *AnswerError
		require.ErrorAs(t, err, &answer)
		require.Equal(t, http.StatusServiceUnavailable, answer.Status)
		require.Contains(t, answer.Detail, "stream is gone")
	}
	require.InDelta(t, 2, metric(t, reg, "falcogate_ingest_http_requests_total", "503"), 0)
}
