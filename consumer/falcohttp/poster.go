package falcohttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// The content types that Falco sends: with json_output true and false.
const (
	ContentTypeJSON = "application/json"
	ContentTypeText = "text/plain"
)

// PosterOptions configure a Poster.
type PosterOptions struct {
	// URL is where to POST to, http or https; required.
	URL string
	// TLS is used for https: the roots to trust, and a client certificate where
	// the listener asks for one. Nil means the system's roots.
	TLS *tls.Config
}

// Poster sends messages as Falco's HTTP output does: one POST each, one at a
// time over one connection, with Falco's headers, no time limit on the answer,
// no redirect followed and no proxy. For one goroutine at a time.
type Poster struct {
	url       string
	transport *http.Transport
}

// AnswerError is an answer other than 200. Falco does not look at the status,
// so the message is lost there.
type AnswerError struct {
	Status int
	Detail string // the beginning of what the answer says, in one line
}

// Error is the status and the detail.
func (e *AnswerError) Error() string {
	text := fmt.Sprintf("want 200, have %d %s", e.Status, http.StatusText(e.Status))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// NewPoster makes a Poster. It does not connect yet.
func NewPoster(o PosterOptions) (*Poster, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("want a URL such as http://127.0.0.1:2801/: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("want a URL such as http://127.0.0.1:2801/, have %q", o.URL)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return &Poster{url: u.String(), transport: &http.Transport{
		TLSClientConfig:    o.TLS.Clone(),
		MaxConnsPerHost:    1,
		DisableCompression: true, // which would add Accept-Encoding
	}}, nil
}

// Post sends one body with one of the two content types and returns once it is
// answered, however long that takes; ctx ends it. The error is an *AnswerError
// when there was an answer and it was not 200; any other error means that it is
// not known whether the body arrived.
func (p *Poster) Post(ctx context.Context, contentType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	req.Header = http.Header{
		"Accept":       {"*/*"},
		"Content-Type": {contentType},
		"User-Agent":   {"falcosecurity/falco"},
	}
	// The transport itself, not a client: libcurl follows no redirect.
	res, err := p.transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("post to %s: %w", p.url, err)
	}
	head, err := io.ReadAll(io.LimitReader(res.Body, 8<<10))
	// What is left is read as well, or the connection could not be used again.
	_, rest := io.Copy(io.Discard, res.Body)
	if err := errors.Join(err, rest, res.Body.Close()); err != nil && res.StatusCode == http.StatusOK {
		return fmt.Errorf("post to %s: read the answer: %w", p.url, err)
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	return &AnswerError{Status: res.StatusCode, Detail: detailOf(head)}
}

// Close closes the connection.
func (p *Poster) Close() { p.transport.CloseIdleConnections() }

// detailOf is the detail of a problem, or else the beginning of the answer.
func detailOf(body []byte) string {
	var p struct{ Detail string }
	if err := json.Unmarshal(body, &p); err == nil && p.Detail != "" {
		return p.Detail
	}
	const most = 200
	line := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "…"
	}
	return line
}
