package falcohttp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// What Falco sent over HTTP arrives as what it is, each once, also when it is
// sent twice.
func TestRecordedAlertsAreStored(t *testing.T) {
	log, reg := &memoryLog{}, prometheus.NewRegistry()
	s := start(t, log, Options{Registerer: reg})
	p := newPoster(t, s)
	posts := recorded(t, "alert")
	require.Greater(t, len(posts), 40)
	before := time.Now()
	for range 2 {
		for _, r := range posts {
			require.NoError(t, p.Post(t.Context(), r.Headers["Content-Type"], []byte(r.Body)))
		}
	}
	kinds := map[string]int{}
	for _, r := range log.all() {
		kinds[r.Body.Kind()]++
		require.Equal(t, consumer.TransportHTTP, r.Transport)
		require.WithinRange(t, r.Received, before, time.Now())
	}
	require.Equal(t, map[string]int{correlate.KindAlert: 22, correlate.KindSnapshot: len(posts) - 22, correlate.KindRuleset: 1}, kinds)
	require.InDelta(t, 2*len(posts), metric(t, reg, "falcogate_ingest_http_requests_total", "200"), 0)
	require.InDelta(t, 2*len(posts), metric(t, reg, "falcogate_ingest_http_request_duration_seconds", ""), 0)
	require.InDelta(t, 2*len(posts), metric(t, reg, "falcogate_received_messages_total", "http"), 0)
}

func TestAnsweredOnlyOnceStored(t *testing.T) {
	for _, tt := range []struct {
		name   string
		body   []byte
		status int
	}{{"an alert", alert("1"), 200}, {"what can't be read", []byte("{"), 400}} {
		t.Run(tt.name, func(t *testing.T) {
			log, reg := awayLog(), prometheus.NewRegistry()
			s := start(t, log, Options{Registerer: reg})
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(tt.body), tt.body)
			require.NoError(t, err)
			<-log.entered
			require.InDelta(t, 1, metric(t, reg, "falcogate_ingest_http_requests_held", ""), 0)
			// Not one byte of an answer comes while the log is away.
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
			n, err := conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.Zero(t, n)
			require.Empty(t, log.all())

			close(log.away)
			require.NoError(t, conn.SetReadDeadline(time.Time{}))
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, tt.status, res.StatusCode)
			require.Len(t, log.all(), 1)
		})
	}
}

// postAsync posts in the background; the channel gets the result.
func postAsync(ctx context.Context, t *testing.T, s *Server, body []byte) <-chan error {
	t.Helper()
	p := newPoster(t, s)
	done := make(chan error, 1)
	go func() { done <- p.Post(ctx, ContentTypeJSON, body) }()
	return done
}

// Falco does not send again: what was received is stored even when the sender
// has gone.
func TestSenderThatGoesAwayCancelsNothing(t *testing.T) {
	log := awayLog()
	s := start(t, log, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := postAsync(ctx, t, s, alert("1"))
	<-log.entered
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	close(log.away)
	require.Eventually(t, func() bool { return len(log.all()) == 1 }, 5*time.Second, time.Millisecond)
}

func TestInFlightIsBoundedByWaiting(t *testing.T) {
	log, reg := awayLog(), prometheus.NewRegistry()
	s := start(t, log, Options{MaxInFlight: 2, Registerer: reg})
	var answers []<-chan error
	for i := range 5 {
		answers = append(answers, postAsync(t.Context(), t, s, alert(fmt.Sprint(i))))
	}
	<-log.entered
	<-log.entered
	require.Eventually(t, func() bool { return metric(t, reg, "falcogate_ingest_http_requests_held", "") == 5 }, 5*time.Second, time.Millisecond)
	require.InDelta(t, 2, metric(t, reg, "falcogate_ingest_http_requests_in_flight", ""), 0)
	require.Empty(t, log.entered, "the others wait for their turn")
	close(log.away)
	for _, a := range answers {
		require.NoError(t, <-a)
	}
	require.Len(t, log.all(), 5)
	require.Eventually(t, func() bool { return metric(t, reg, "falcogate_ingest_http_requests_held", "") == 0 }, 5*time.Second, time.Millisecond)
}

func TestOneConnectionIsKept(t *testing.T) {
	log := &memoryLog{}
	s := start(t, log, Options{})
	p := newPoster(t, s)
	for i := range 3 {
		require.Error(t, p.Post(t.Context(), ContentTypeText, []byte(fmt.Sprintf("text %d", i))))
	}
	peers := map[string]bool{}
	for _, r := range log.all() {
		peers[r.Body.(*correlate.Malformed).Peer] = true
	}
	require.Len(t, peers, 1)
}

func TestOnlyPostToTheRootIsAnAlert(t *testing.T) {
	log := &memoryLog{}
	s := start(t, log, Options{})
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 405}, {"HEAD", "/", 405}, {"PUT", "/", 405}, {"DELETE", "/", 405}, {"OPTIONS", "/", 405},
		{"GET", "/metrics", 404}, {"POST", "/alerts", 404}, {"POST", "//", 404}, {"POST", "/./", 404},
		{"POST", "/?from=falco", 200},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, urlOf(s)+tt.path, strings.NewReader(string(alert("1"))))
			require.NoError(t, err)
			res, err := http.DefaultTransport.RoundTrip(req)
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, tt.status, res.StatusCode)
			if tt.status == 200 {
				require.Empty(t, body)
				return
			}
			require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
			if tt.status == 405 {
				require.Equal(t, "POST", res.Header.Get("Allow"))
			}
			if tt.method != "HEAD" {
				require.Contains(t, string(body), "http_output.url")
			}
		})
	}
	require.Len(t, log.all(), 1, "only what came to the root")
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// exchange sends raw bytes over a connection of its own and returns the answer.
func exchange(t *testing.T, s *Server, raw string) (status int, header http.Header, body string) {
	t.Helper()
	return exchangeVia(t, s, raw, func(net.Conn) {})
}

// exchangeHalf is exchange by a client that says after raw that it sends no
// more.
func exchangeHalf(t *testing.T, s *Server, raw string) (status int, header http.Header, body string) {
	t.Helper()
	return exchangeVia(t, s, raw, func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() })
}

func exchangeVia(t *testing.T, s *Server, raw string, sent func(net.Conn)) (status int, header http.Header, body string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	// The server may answer and close while the rest is still being written.
	go func() {
		_, _ = io.WriteString(conn, raw)
		sent(conn)
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, res.Header, string(b)
}

func TestLargeHeaderIsRefused(t *testing.T) {
	log := &memoryLog{}
	s := start(t, log, Options{})
	status, _, _ := exchange(t, s, "POST / HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status)
	require.NoError(t, newPoster(t, s).Post(t.Context(), ContentTypeJSON, alert("1")), "the listener goes on")
}

func TestStart(t *testing.T) {
	first := start(t, &memoryLog{}, Options{})
	require.Error(t, first.Start(), "started twice")

	s := newServer(t, &memoryLog{}, Options{})
	require.Nil(t, s.Addr())
	s.listen = first.Addr().String()
	require.ErrorContains(t, s.Start(), "address already in use")
	require.NoError(t, s.Shutdown(t.Context()), "shut down without a start")
	<-s.Done()
	require.Error(t, s.Start(), "started after the end")
	require.NoError(t, s.Shutdown(t.Context()))
}

func TestNewServerRefuses(t *testing.T) {
	intake, err := consumer.NewIntake(consumer.IntakeOptions{Log: &memoryLog{}, Logger: quiet})
	require.NoError(t, err)
	reg := prometheus.NewRegistry()
	_, err = NewServer(Options{Listen: "127.0.0.1:0", Intake: intake, Registerer: reg})
	require.NoError(t, err)
	for want, o := range map[string]Options{
		"want an address":        {Intake: intake},
		"want an intake":         {Listen: "127.0.0.1:0"},
		"want limits above zero": {Listen: "127.0.0.1:0", Intake: intake, BodyLimit: -1},
		"want a certificate":     {Listen: "127.0.0.1:0", Intake: intake, TLS: serverTLS(nil)},
		"register":               {Listen: "127.0.0.1:0", Intake: intake, Registerer: reg},
		"requests in flight":     {Listen: "127.0.0.1:0", Intake: intake, MaxInFlight: -1},
	} {
		_, err := NewServer(o)
		require.ErrorContains(t, err, want)
	}
}

// An accept loop that breaks is seen, not silent.
func TestBrokenListenerIsAnError(t *testing.T) {
	s := newServer(t, &memoryLog{}, Options{})
	require.NoError(t, s.Start())
	require.NoError(t, s.Err())
	require.NoError(t, s.listener.Close())
	<-s.Done()
	require.ErrorContains(t, s.Err(), "ingest listener: ")
	require.NoError(t, s.Shutdown(t.Context()))
}
