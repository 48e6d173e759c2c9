package falcohttp

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/problem"
)

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// Each kind of wrong message has a clear answer, a metric and a record; and the
// next alert is taken as ever.
func TestMalformed(t *testing.T) {
	const limit = 64 << 10
	good := string(alert("1"))
	sized := func(headers, body string) string {
		return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
	}
	chunked := func(body string) string {
		return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	replaced := func(old, by string) string {
		out := strings.Replace(good, old, by, 1)
		require.NotEqual(t, good, out)
		return out
	}
	for _, tt := range []struct {
		name, request string
		status        int
		reason, text  string
		size          int
		noRaw         bool
	}{
		{"empty", sized("", ""), 400, "syntax", "want a JSON object, have nothing", 0, false},
		{"empty, no length", "POST / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "syntax", "have nothing", 0, false},
		{"empty, chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "syntax", "have nothing", 0, false},
		{"blank", sized("", " \n"), 400, "syntax", "have nothing", 2, false},
		{"broken", sized("", `{"rule":`), 400, "syntax", "want well-formed JSON", 8, false},
		{"broken, chunked", chunked(`{"rule":`), 400, "syntax", "want well-formed JSON", 8, false},
		{"two objects", sized("", good+good), 400, "syntax", "want one JSON object", 2 * len(good), false},
		{"array", sized("", "["+good+"]"), 400, "text", "want a JSON object", len(good) + 2, false},
		{"text called JSON", sized("", "06:34:36: Notice n"), 400, "text", "json_output: true", 18, false},
		{"text", strings.Replace(sized("", "06:34:36: Notice n"), "application/json", "text/plain", 1), 415, "text", "json_output: true", 18, false},
		{"invalid UTF-8", sized("", replaced("node-a", "node-\xff")), 400, "utf8", "UTF-8", len(good), false},
		{"rule is a number", sized("", replaced(`"rule":"r"`, `"rule":7`)), 400, "type", "rule", len(good) - 2, false},
		{"output_fields is a list", sized("", replaced(`{"n":"1","k8s.ns.name":"shop"}`, `[1]`)), 400, "type", "output_fields", len(good) - 27, false},
		{"no hostname", sized("", replaced(`"hostname":"node-a",`, "")), 400, "missing", "hostname", len(good) - 20, false},
		{"unknown priority", sized("", replaced("Warning", "Severe!")), 400, "value", "priority", len(good), false},
		{"bad time", sized("", replaced("2026-11-23T", "2026-13-23T")), 400, "value", "time", len(good), false},
		{"huge hostname", sized("", replaced("node-a", strings.Repeat("n", 300))), 400, "too_long", "hostname", len(good) + 294, false},
		{"huge field", sized("", replaced("shop", strings.Repeat("s", limit))), 413, "too_large", "want a body of at most 65536 bytes, have 65", len(good) + limit - 4, false},
		{"huge, chunked", chunked(replaced("shop", strings.Repeat("s", limit))), 413, "too_large", "have more", limit, false},
		{"huge, asks first", sized("Expect: 100-continue\r\n", strings.Repeat("x", limit+1)), 413, "too_large", "have 65537", limit + 1, true},
		{"gzip", sized("Content-Encoding: gzip\r\n", zipped(good)), 415, "other", `want a body without Content-Encoding, as Falco sends it, have "gzip"`, len(zipped(good)), false},
		{"cut off by the sender", sized("", good)[:len(sized("", good))-20], 400, "syntax", "want the whole body, have", len(good), false},
		{"broken chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "syntax", "want the whole body", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log, reg := &memoryLog{}, prometheus.NewRegistry()
			s := start(t, log, Options{BodyLimit: limit, Registerer: reg})
			status, header, body := exchangeHalf(t, s, tt.request)
			require.Equal(t, tt.status, status, "%.300s", body)
			require.Equal(t, problem.ContentType, header.Get("Content-Type"))
			var p problem.Problem
			require.NoError(t, json.Unmarshal([]byte(body), &p))
			require.Equal(t, tt.status, p.Status)
			require.Contains(t, p.Detail, tt.text)
			require.Less(t, len(p.Detail), 400)

			m := log.malformed(t)
			require.Contains(t, m.Reason, tt.text)
			require.Equal(t, tt.size, m.Size)
			require.Equal(t, tt.noRaw || tt.size == 0, len(m.Raw) == 0)
			require.LessOrEqual(t, len(m.Raw), correlate.MalformedRawBytes)
			require.True(t, strings.HasPrefix(m.Peer, "127.0.0.1:"), m.Peer)
			require.InDelta(t, 1, metric(t, reg, "falcogate_malformed_messages_total", tt.reason), 0)
			require.InDelta(t, 1, metric(t, reg, "falcogate_ingest_http_requests_total", fmt.Sprint(tt.status)), 0)

			require.NoError(t, newPoster(t, s).Post(t.Context(), ContentTypeJSON, alert("2")))
			require.Len(t, log.all(), 2)
		})
	}
}

// What is unusual but right is an alert like any other.
func TestUnusualButRight(t *testing.T) {
	good := string(alert("1"))
	length := fmt.Sprintf("Content-Length: %d\r\n", len(good))
	for name, request := range map[string]string{
		"chunked":                        fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", good[:5], len(good)-5, good[5:]),
		"asks first":                     "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + length + "\r\n" + good,
		"identity":                       "POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\n" + length + "\r\n" + good,
		"JSON called text":               "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n" + length + "\r\n" + good,
		"no content type":                "POST / HTTP/1.1\r\nHost: x\r\n" + length + "\r\n" + good,
		"HTTP/1.0":                       "POST / HTTP/1.0\r\n" + length + "\r\n" + good,
		"as large as the limit":          fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n%s%s", good, strings.Repeat(" ", 65536-len(good))),
		"as large as the limit, chunked": fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n%s%s\r\n0\r\n\r\n", good, strings.Repeat(" ", 65536-len(good))),
	} {
		t.Run(name, func(t *testing.T) {
			log := &memoryLog{}
			s := start(t, log, Options{BodyLimit: 64 << 10})
			status, header, body := exchange(t, s, request)
			if status == http.StatusContinue {
				status = 200 // the answer proper follows; the record tells
				require.Eventually(t, func() bool { return len(log.all()) == 1 }, 5*time.Second, time.Millisecond)
			}
			require.Equal(t, 200, status, body)
			require.Empty(t, body)
			require.Empty(t, header.Get("Content-Type"))
			require.Equal(t, correlate.KindAlert, log.all()[0].Body.Kind())
		})
	}
}

// A Falco without json_output is refused loudly, line by line.
func TestTextRecording(t *testing.T) {
	log, reg := &memoryLog{}, prometheus.NewRegistry()
	s := start(t, log, Options{Registerer: reg})
	p := newPoster(t, s)
	posts := recorded(t, "text")
	require.Len(t, posts, 21)
	for _, r := range posts {
		require.Equal(t, ContentTypeText, r.Headers["Content-Type"])
		var answer *AnswerError
		require.ErrorAs(t, p.Post(t.Context(), r.Headers["Content-Type"], []byte(r.Body)), &answer)
		require.Equal(t, http.StatusUnsupportedMediaType, answer.Status)
		require.Contains(t, answer.Detail, "set json_output: true")
	}
	all := log.all()
	require.Equal(t, len(posts), len(all)) //nolint:testifylint // Len prints the records
	for i, r := range all {
		m := r.Body.(*correlate.Malformed)
		require.Equal(t, len(posts[i].Body), m.Size)
		require.True(t, strings.HasPrefix(posts[i].Body, string(m.Raw)))
	}
	require.InDelta(t, 21, metric(t, reg, "falcogate_malformed_messages_total", "text"), 0)
}

// A sender that stops in the middle of a body does not keep its turn.
func TestSlowBody(t *testing.T) {
	log := &memoryLog{}
	s := newServer(t, log, Options{})
	s.bodyTime = 20 * time.Millisecond
	require.NoError(t, s.Start())
	defer func() { require.NoError(t, s.Shutdown(t.Context())) }()
	status, _, _ := exchange(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"ru")
	require.Equal(t, http.StatusRequestTimeout, status)
	m := log.malformed(t)
	require.Equal(t, `{"ru`, string(m.Raw))
	require.Contains(t, m.Reason, "want the whole body within 20ms, have 4 bytes")
}

// The time limit of the body does not cut a request that is held.
func TestHeldLongerThanTheBodyMayTake(t *testing.T) {
	log := awayLog()
	s := newServer(t, log, Options{})
	s.bodyTime = 20 * time.Millisecond
	require.NoError(t, s.Start())
	defer func() { require.NoError(t, s.Shutdown(t.Context())) }()
	p := newPoster(t, s)
	done := make(chan error, 1)
	go func() { done <- p.Post(t.Context(), ContentTypeJSON, alert("1")) }()
	<-log.entered
	timer := time.NewTimer(5 * s.bodyTime)
	select {
	case err := <-done:
		t.Fatalf("answered: %v", err)
	case <-timer.C:
	}
	close(log.away)
	require.NoError(t, <-done)
	require.NoError(t, p.Post(t.Context(), ContentTypeJSON, alert("2")), "and the connection goes on")
}
