package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// described sees that what is asked and answered is as the description has it.
type described struct {
	t  *testing.T
	to http.RoundTripper
}

func (d described) CloseIdleConnections() { (&http.Client{Transport: d.to}).CloseIdleConnections() }

// RoundTrip sends a request. The answer is checked when it was read to its end or closed.
func (d described) RoundTrip(r *http.Request) (*http.Response, error) {
	var asked []byte
	if r.Body != nil && r.Body != http.NoBody {
		var err error
		if asked, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(asked))
	}
	res, err := d.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	path, operation := operationOf(r)
	if operation == nil {
		if !slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusMovedPermanently, http.StatusTemporaryRedirect}, res.StatusCode) {
			d.t.Errorf("%s %s is answered %d, and not described", r.Method, r.URL.Path, res.StatusCode)
		}
		return res, nil
	}
	if res.StatusCode < 300 {
		if err := checkRequest(path, operation, r, asked); err != nil {
			d.t.Errorf("%s %s %s is answered %d, but is none by the description: %v", r.Method, r.URL, asked, res.StatusCode, err)
		}
	}
	res.Body = &readBody{ReadCloser: res.Body, whole: func(body []byte, toEnd bool) {
		if err := checkAnswer(path, operation, r.Method, res, body, toEnd); err != nil {
			d.t.Errorf("%s %s: answer %d is none by the description: %v\n%s", r.Method, r.URL, res.StatusCode, err, body)
		}
	}}
	return res, nil
}

// readBody keeps what is read, and hands it over once.
type readBody struct {
	io.ReadCloser
	read  bytes.Buffer
	whole func(body []byte, toEnd bool)
	once  sync.Once
}

func (b *readBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Write(p[:n])
	if err != nil {
		b.once.Do(func() { b.whole(b.read.Bytes(), err == io.EOF) })
	}
	return n, err
}

func (b *readBody) Close() error {
	b.once.Do(func() { b.whole(b.read.Bytes(), false) })
	return b.ReadCloser.Close()
}

var describedPaths = sync.OnceValue(func() *http.ServeMux {
	mux := http.NewServeMux()
	for path := range description()["paths"].(map[string]any) {
		mux.HandleFunc(path, func(http.ResponseWriter, *http.Request) {})
	}
	return mux
})

// operationOf is what the description has of a request. HEAD is as GET.
func operationOf(r *http.Request) (path []string, operation map[string]any) {
	_, pattern := describedPaths().Handler(&http.Request{Method: http.MethodGet, URL: r.URL, Host: r.Host})
	method := strings.ToLower(r.Method)
	if r.Method == http.MethodHead {
		method = "get"
	}
	methods, _ := description()["paths"].(map[string]any)[pattern].(map[string]any)
	operation, _ = methods[method].(map[string]any)
	return []string{"paths", pattern, method}, operation
}
