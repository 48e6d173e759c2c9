package falcohttp

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The Poster's requests have exactly the headers and bodies that were recorded
// from a Falco.
func TestPosterSendsWhatFalcoSends(t *testing.T) {
	type request struct {
		method, path, body, proto string
		peer                      string
		headers                   map[string]string
	}
	var got []request
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		headers := map[string]string{"Host": "127.0.0.1:2801"} // the recorded one's
		for name, values := range r.Header {
			headers[name] = strings.Join(values, "|")
		}
		got = append(got, request{r.Method, r.URL.Path, string(body), r.Proto, r.RemoteAddr, headers})
	}))
	defer server.Close()
	p, err := NewPoster(PosterOptions{URL: server.URL})
	require.NoError(t, err)
	defer p.Close()
	posts := append(recorded(t, "alert"), recorded(t, "text")...)
	for i, r := range posts {
		require.NoError(t, p.Post(t.Context(), r.Headers["Content-Type"], []byte(r.Body)))
		want := request{"POST", "/", r.Body, "HTTP/1.1", got[0].peer, r.Headers}
		require.Equal(t, want, got[i])
	}
}

func TestPosterReportsOtherAnswers(t *testing.T) {
	answers := map[string]func(w http.ResponseWriter){
		"want 200, have 400 Bad Request: want JSON": func(w http.ResponseWriter) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"title":"Bad Request","status":400,"detail":"want JSON"}`)
		},
		"want 200, have 503 Service Unavailable: come again later": func(w http.ResponseWriter) {
			w.WriteHeader(503)
			_, _ = io.WriteString(w, "come again\n\n later\n")
		},
		"want 200, have 502 Bad Gateway: " + strings.Repeat("x", 200) + "…": func(w http.ResponseWriter) {
			w.WriteHeader(502)
			_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
		},
		"want 200, have 301 Moved Permanently": func(w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(301)
		},
		"want 200, have 204 No Content": func(w http.ResponseWriter) { w.WriteHeader(204) },
	}
	var answer func(w http.ResponseWriter)
	peers := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		answer(w)
	}))
	defer server.Close()
	p, err := NewPoster(PosterOptions{URL: server.URL + "/"})
	require.NoError(t, err)
	defer p.Close()
	var a *AnswerError
	for want, next := range answers {
		answer = next
		err := p.Post(t.Context(), ContentTypeJSON, []byte("{}"))
		require.EqualError(t, err, want)
		require.ErrorAs(t, err, &a)
	}
	require.Len(t, peers, 1, "the connection is kept whatever the answer")
}

func TestPosterErrors(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:2801", "unix:///run/x.sock", "http://", "http://a b/", "/"} {
		_, err := NewPoster(PosterOptions{URL: url})
		require.ErrorContains(t, err, "want a URL such as http://127.0.0.1:2801/", url)
	}

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p, err := NewPoster(PosterOptions{URL: "http://" + l.Addr().String()})
	require.NoError(t, err)
	defer p.Close()
	// The listener accepts nothing: no answer comes until the context ends.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Post(ctx, ContentTypeJSON, nil), context.Canceled)
	require.NoError(t, l.Close())
	err = p.Post(t.Context(), ContentTypeJSON, nil)
	require.ErrorContains(t, err, "connection refused")
	var a *AnswerError
	require.NotErrorAs(t, err, &a)
}
