package falcohttp

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/problem"
)

// Whatever the body: it is stored, as an alert or as malformed, and the answer
// says which; never a 5xx, never a panic.
func FuzzBody(f *testing.F) {
	posts := append(recorded(f, "alert"), recorded(f, "text")...)
	require.Equal(f, 64, len(posts), "the seeds are there") //nolint:testifylint // Len prints them all
	for i, p := range posts {
		f.Add([]byte(p.Body), p.Headers["Content-Type"], "", i%2 == 0)
	}
	f.Add([]byte(nil), "", "", false)
	f.Add([]byte("\x1f\x8b"), "application/json", "gzip", false)
	f.Add([]byte("{\"hostname\":\"\xff\"}"), "text/plain; charset=utf-8", "identity", true)
	f.Add(bytes.Repeat([]byte(" "), 20<<10), "a/b+json", "", true)
	f.Fuzz(func(t *testing.T, body []byte, contentType, encoding string, chunked bool) {
		log := &memoryLog{}
		s := newServer(t, log, Options{BodyLimit: 16 << 10})
		defer s.end()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		if chunked {
			r.ContentLength = -1
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		kinds := map[string]int{}
		for _, r := range log.all() {
			kinds[r.Body.Kind()]++
		}
		if w.Code == 200 {
			require.Zero(t, w.Body.Len())
			require.Zero(t, kinds[correlate.KindMalformed])
			delete(kinds, correlate.KindRuleset)
			require.Len(t, kinds, 1)
			return
		}
		require.True(t, w.Code >= 400 && w.Code < 500, w.Code)
		var p problem.Problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		require.Equal(t, w.Code, p.Status)
		require.NotEmpty(t, p.Detail)
		require.Equal(t, map[string]int{correlate.KindMalformed: 1}, kinds)
	})
}
