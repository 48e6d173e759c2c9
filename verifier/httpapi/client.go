package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
)

// Query has the parameters of a request, as a user gives them: they are read by
// the server, whose clock counts. What is empty or zero is not sent.
type Query struct {
	Namespace string
	Since     string // time, or how long ago
	Until     string // likewise
	Pod       string // pattern
	Rule      string
	Sensor    string
	Severity  string
	Limit     int

	// Verdicts only.
	Selector           string // label selector
	Owner              string // kind/name
	Hash               string // of the pods' template
	VCluster           string // name/namespace
	Evidence           string
	Settling           string // duration
	ClockSkew          string // duration
	MaxKernelDropRatio string // 0 to 1
	HostAlerts         string // report, inconclusive or fail
	RequireRules       []string
	Excuses            verifier.Excuses
	Wait               time.Duration
	AsOf               uint64

	Scope  string // alerts only: all, host or unattributed
	Order  string // alerts only: OrderNewest or OrderOldest
	Cursor string // alerts only: AlertList.NextCursor
}

// params are the parameters that are set, by name.
func (q Query) params() map[string]string {
	p := map[string]string{
		paramNamespace: q.Namespace, paramStart: q.Since, paramEnd: q.Until, paramPod: q.Pod, paramRule: q.Rule,
		paramSensor: q.Sensor, paramSeverity: q.Severity, paramEvidence: q.Evidence, paramScope: q.Scope,
		paramOrder: q.Order, paramCursor: q.Cursor,
	}
	p[paramSelector], p[paramOwner], p[paramHash], p[paramVCluster] = q.Selector, q.Owner, q.Hash, q.VCluster
	p[paramSettling], p[paramClockSkew], p[paramMaxKernelDrop] = q.Settling, q.ClockSkew, q.MaxKernelDropRatio
	p[paramHostAlerts], p[paramRequireRules] = q.HostAlerts, strings.Join(q.RequireRules, ",")
	q.excuseParams(p)
	if q.Wait > 0 {
		p[paramWait] = q.Wait.String()
	}
	if q.AsOf > 0 {
		p[paramAsOf] = strconv.FormatUint(q.AsOf, 10)
	}
	if q.Limit != 0 {
		p[paramLimit] = strconv.Itoa(q.Limit)
	}
	for name, value := range p {
		if value == "" {
			delete(p, name)
		}
	}
	return p
}

// ProblemError is what the methods of Client return when the server answers
// with a problem instead of what was asked for.
type ProblemError struct {
	Problem problem.Problem
}

// Error says what is wrong, and with which parameter.
func (e *ProblemError) Error() string {
	what := e.Problem.Detail
	if what == "" {
		what = e.Problem.Title
	}
	if e.Problem.Parameter != "" {
		what = e.Problem.Parameter + ": " + what
	}
	return fmt.Sprintf("%s (status %d)", what, e.Problem.Status)
}

// Client asks a falcogate over HTTP. It may be used concurrently.
type Client struct {
	base  *url.URL
	http  *http.Client
	token func() (string, error) // nil for none
}

// DefaultTimeout bounds a request of a Client that was made without an
// http.Client. It is longer than a server takes.
const DefaultTimeout = 45 * time.Second

// NewClient makes a client of the server at baseURL, such as
// http://127.0.0.1:8080. A nil hc means one with DefaultTimeout. No redirect is
// followed, whatever hc does: the interface has none, and what a question carries is
// for one server.
func NewClient(baseURL string, hc *http.Client) (*Client, error) {
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
		err = c.do(ctx, http.MethodPost, "v1/verdicts", q.params(), &v)
	} else {
		err = c.do(ctx, http.MethodGet, "v1/verdict", q.params(), &v)
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
	return &list, c.do(ctx, http.MethodGet, "v1/alerts", q.params(), &list)
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

// problemOf reads a problem; what is none becomes one, with the beginning of
// the text that came.
func problemOf(res *http.Response, data []byte) error {
	var p problem.Problem
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media != problem.ContentType || json.Unmarshal(data, &p) != nil {
		p = problem.Problem{Title: http.StatusText(res.StatusCode), Detail: string(bytes.TrimSpace(data[:min(len(data), 200)]))}
	}
	p.Status = res.StatusCode
	return &ProblemError{Problem: p}
}
