package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
)

// GateQuery has the parameters of a gate, as a user gives them: they are read by the
// server, whose clock counts. What is empty is not sent, nor is Query.Limit, Wait and
// the like.
type GateQuery struct {
	Query
	ID       string            // empty has the server make one
	Duration string            // of the window, in place of Until
	Deadline string            // time, or how long after the gate was opened
	FirstPod bool              // the window starts with the first pod of the scope
	Labels   map[string]string // the caller's
	Digest   string            // of what is being verified
}

// body is the gate's JSON.
func (q GateQuery) body() map[string]any {
	body := map[string]any{}
	for name, value := range q.parameters() {
		switch name {
		case parameter.Limit, parameter.Wait, parameter.AsOf, parameter.Scope, parameter.Order, parameter.Cursor, parameter.RequireRules:
		default:
			body[name] = value
		}
	}
	for name, value := range map[string]string{parameter.ID: q.ID, parameter.Duration: q.Duration, parameter.Deadline: q.Deadline, parameter.Digest: q.Digest} {
		if value != "" {
			body[name] = value
		}
	}
	if len(q.RequireRules) > 0 {
		body[parameter.RequireRules] = q.RequireRules
	}
	if q.FirstPod {
		body[parameter.FirstPod] = true
	}
	if len(q.Labels) > 0 {
		body[parameter.Labels] = q.Labels
	}
	return body
}

// OpenGate opens a gate, and reports whether it was not open before. The error is a
// *ProblemError when the server opened none.
func (c *Client) OpenGate(ctx context.Context, q GateQuery) (gate *verifier.Gate, opened bool, err error) {
	gate = &verifier.Gate{}
	status, err := c.exchange(ctx, http.MethodPost, "v1/gates", nil, q.body(), gate)
	if err != nil {
		return nil, false, err
	}
	gate, err = c.isGate(gate)
	return gate, status == http.StatusCreated, err
}

// isGate sees that an answer was one.
func (c *Client) isGate(gate *verifier.Gate) (*verifier.Gate, error) {
	if gate.ID == "" || gate.State == "" {
		return nil, fmt.Errorf("the answer of %s holds no gate: is that a falcogate?", c.base.Redacted())
	}
	return gate, nil
}

// gate sends a request about one gate.
func (c *Client) gate(ctx context.Context, method, id, what string, body any) (*verifier.Gate, error) {
	gate := &verifier.Gate{}
	if _, err := c.exchange(ctx, method, gatePath(id)+what, nil, body, gate); err != nil {
		return nil, err
	}
	return c.isGate(gate)
}

func gatePath(id string) string { return "v1/gates/" + url.PathEscape(id) }

// Gate asks for a gate. The error is a *ProblemError when the server gave none.
func (c *Client) Gate(ctx context.Context, id string) (*verifier.Gate, error) {
	return c.gate(ctx, http.MethodGet, id, "", nil)
}

// CloseGate ends a gate's window: at end, a time or how long ago, or now when that is
// empty. The error is a *ProblemError when the server did not.
func (c *Client) CloseGate(ctx context.Context, id, end string) (*verifier.Gate, error) {
	body := map[string]string{}
	if end != "" {
		body[parameter.End] = end
	}
	return c.gate(ctx, http.MethodPost, id, "/close", body)
}

// CancelGate ends a gate without a verdict. The error is a *ProblemError when the server
// did not.
func (c *Client) CancelGate(ctx context.Context, id string) (*verifier.Gate, error) {
	return c.gate(ctx, http.MethodDelete, id, "", nil)
}

// Gates asks for a list of gates, at most limit; 0 is the server's default. The error is
// a *ProblemError when the server gave none.
func (c *Client) Gates(ctx context.Context, f verifier.GateFilter, limit int) (*verifier.GateList, error) {
	query := url.Values{}
	if f.Namespace != "" {
		query.Set(parameter.Namespace, f.Namespace)
	}
	if f.State != "" {
		query.Set(parameter.State, string(f.State))
	}
	for name, value := range f.Labels {
		query.Add(parameter.Label, name+"="+value)
	}
	if limit != 0 {
		query.Set(parameter.Limit, strconv.Itoa(limit))
	}
	list := &verifier.GateList{}
	_, err := c.exchange(ctx, http.MethodGet, "v1/gates", query, nil, list)
	return list, err
}

// ErrStreamEnded is what FollowGate returns when the server ended a stream before the
// gate's end: ask again.
var ErrStreamEnded = fmt.Errorf("the server ended the stream before the gate's end: %w", io.ErrUnexpectedEOF)

// errSilent says that a connection has died without a word.
var errSilent = fmt.Errorf("nothing came for %s, not even that it is still there", maxSilence)

// maxSilence is how long a stream may have nothing, not even a comment.
const maxSilence = 3 * verifier.GateEventInterval

// FollowGate calls fn with what becomes of a gate, and returns nil with its end. It does
// not connect again: the error is a *ProblemError when the server refused, fn's, ctx's,
// or tells how the connection was lost. The http.Client's timeout does not count.
func (c *Client) FollowGate(ctx context.Context, id string, fn func(verifier.GateEvent) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := c.followGate(ctx, id, cancel, fn)
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		return fmt.Errorf("following at %s: %w", c.base.Redacted(), errSilent)
	}
	return err
}

func (c *Client) followGate(ctx context.Context, id string, cancel context.CancelCauseFunc, fn func(verifier.GateEvent) error) error {
	req, err := c.request(ctx, http.MethodGet, gatePath(id)+"/events", nil, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	silence := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	defer silence.Stop()
	patient := *c.http
	patient.Timeout = 0
	res, err := patient.Do(req)
	if err != nil {
		return err // names the method and the URL already
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if res.StatusCode != http.StatusOK {
		data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return fmt.Errorf("reading the answer of %s: %w", c.base.Redacted(), err)
		}
		return problemOf(res, data)
	}
	in := newEventReader(res.Body, func() { silence.Reset(maxSilence) })
	for {
		kind, data, err := in.next()
		if err != nil {
			return fmt.Errorf("following at %s: %w", c.base.Redacted(), err)
		}
		e, err := gateEvent(kind, data)
		if err != nil {
			return fmt.Errorf("the events of %s are none of falcogate's: %w", c.base.Redacted(), err)
		}
		if e == nil {
			continue // a later version's
		}
		if err := fn(*e); err != nil || e.Kind != verifier.GateEventProgress {
			return err
		}
	}
}

// gateEvent reads an event of a gate; it is nil for one of an unknown kind. Of a verdict
// the gate has the verdict alone.
func gateEvent(kind string, data []byte) (*verifier.GateEvent, error) {
	e := &verifier.GateEvent{Kind: verifier.GateEventKind(kind)}
	var into any
	switch e.Kind {
	case verifier.GateEventProgress:
		e.Progress = &verifier.GateProgress{}
		into = e.Progress
	case verifier.GateEventVerdict:
		e.Gate = &verifier.Gate{State: verifier.GateDecided, Verdict: &verifier.Verdict{}}
		into = e.Gate.Verdict
	case verifier.GateEventCancelled:
		e.Gate = &verifier.Gate{}
		into = e.Gate
	default:
		return nil, nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return nil, err
	}
	if e.Kind == verifier.GateEventVerdict && e.Gate.Verdict.ID == "" {
		return nil, fmt.Errorf("a verdict without an id")
	}
	return e, nil
}
