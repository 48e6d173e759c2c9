package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/verifier"
)

// Client asks a falcogate over HTTP. It may be used concurrently.
type Client struct {
	base  *url.URL
	http  *http.Client
	token func() (string, error) // nil for none
}

// DefaultTimeout bounds a request of a Client that was made without an
// http.Client. It is longer than a server takes.
const DefaultTimeout = 45 * time.Second

// New makes a client of the server at baseURL, such as
// http://127.0.0.1:8080. A nil hc means one with DefaultTimeout. No redirect is
// followed, whatever hc does: the interface has none, and what a question carries is
// for one server.
func New(baseURL string, hc *http.Client) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("server URL: %w", err)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("server URL %q: want http://host:port or https://host:port", base.Redacted())
	}
	if hc == nil {
		hc = &http.Client{Timeout: DefaultTimeout}
	}
	own := *hc
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: base, http: &own}, nil
}

// WithToken is a client that sends a bearer token with each request. Token is called
// for each, since tokens are renewed; when it is empty none is sent. Its error is
// returned in place of an answer.
func (c *Client) WithToken(token func() (string, error)) *Client {
	with := *c
	with.token = token
	return &with
}

// CloseIdleConnections closes the connections that are kept for the next request. It
// does so for all users of the http.Client's transport.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// authorize puts the token into a request.
func (c *Client) authorize(req *http.Request) error {
	if c.token == nil {
		return nil
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}

// Verdict asks for a verdict, and to publish it when publish is set. The error
// is a *ProblemError when the server gave none; then, as with any other error,
// nothing is known.
func (c *Client) Verdict(ctx context.Context, q Query, publish bool) (*verifier.Verdict, error) {
	var v verifier.Verdict
	var err error
	if publish {
		err = c.do(ctx, http.MethodPost, "v1/verdicts", q.parameters(), &v)
	} else {
		err = c.do(ctx, http.MethodGet, "v1/verdict", q.parameters(), &v)
	}
	if err != nil {
		return nil, err
	}
	if v.ID == "" {
		return nil, fmt.Errorf("the answer of %s holds no verdict: is that a falcogate?", c.base.Redacted())
	}
	return &v, nil
}

// Alerts asks for a list of alerts. The error is a *ProblemError when the server
// gave none.
func (c *Client) Alerts(ctx context.Context, q Query) (*verifier.AlertList, error) {
	var list verifier.AlertList
	return &list, c.do(ctx, http.MethodGet, "v1/alerts", q.parameters(), &list)
}

// Sensors asks for all sensors. The error is a *ProblemError when the server
// gave none.
func (c *Client) Sensors(ctx context.Context) (*verifier.SensorList, error) {
	var list verifier.SensorList
	return &list, c.do(ctx, http.MethodGet, "v1/sensors", nil, &list)
}

// Explain asks what a published verdict rests on. The error is a *ProblemError
// when the server gave no answer.
func (c *Client) Explain(ctx context.Context, id string) (*verifier.Explanation, error) {
	var e verifier.Explanation
	return &e, c.do(ctx, http.MethodGet, verdictPath(id)+"/explanation", nil, &e)
}

func verdictPath(id string) string { return "v1/verdicts/" + url.PathEscape(id) }

// Diagnose asks what the sensors lack for proof. The error is a *ProblemError
// when the server gave no answer.
func (c *Client) Diagnose(ctx context.Context) (*verifier.Diagnosis, error) {
	var d verifier.Diagnosis
	return &d, c.do(ctx, http.MethodGet, "v1/diagnosis", nil, &d)
}

// maxAnswer bounds what is read of an answer, in bytes: MaxAlerts of the
// largest alerts are well below it.
const maxAnswer = 64 << 20

// do sends the parameters, in the query string of a GET and the body of a POST,
// and decodes the answer.
func (c *Client) do(ctx context.Context, method, path string, p map[string]string, answer any) error {
	if method == http.MethodPost {
		_, err := c.exchange(ctx, method, path, nil, p, answer)
		return err
	}
	values := url.Values{}
	for name, value := range p {
		values.Set(name, value)
	}
	_, err := c.exchange(ctx, method, path, values, nil, answer)
	return err
}

// exchange sends a request, with a body unless that is nil, and decodes the answer.
func (c *Client) exchange(ctx context.Context, method, path string, query url.Values, body, answer any) (status int, err error) {
	req, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return 0, err
	}
	status, data, err := c.send(req)
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return 0, fmt.Errorf("the answer of %s is none of falcogate's: %w", c.base.Redacted(), err)
	}
	return status, nil
}

// send sends a request and reads the answer.
func (c *Client) send(req *http.Request) (status int, data []byte, err error) {
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err // names the method and the URL already
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	data, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("reading the answer of %s: %w", c.base.Redacted(), err)
	case len(data) > maxAnswer:
		return 0, nil, errors.New("the answer is larger than any of falcogate's")
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated:
		return res.StatusCode, nil, problemOf(res, data)
	}
	return res.StatusCode, data, nil
}

// request makes a request of the client.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body, json.Deterministic(true))
		if err != nil {
			return nil, fmt.Errorf("encoding the question: %w", err)
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.base.Redacted(), err)
	}
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := c.authorize(req); err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.base.Redacted(), err)
	}
	return req, nil
}
