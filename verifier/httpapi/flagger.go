package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
)

// Rollouts say since when alerts count for a canary that Flagger rolls out.
type Rollouts interface {
	// Hear takes note of a message, durably. The error is a *verifier.FieldError, ctx's,
	// or another, and then nothing is known.
	Hear(ctx context.Context, m verifier.RolloutMessage) (verifier.Rollout, error)
}

// rolloutTimeout bounds how long a hook waits for what is known of its canary: less than
// the 5 s after which Flagger gives an event up.
const rolloutTimeout = 4 * time.Second

// errRolloutsAway is what a hook gets when that can't be known.
var errRolloutsAway = errors.New("the event log, which keeps since when alerts count for a canary, can't be reached at present: nothing is known")

// hookAnswer is what Flagger makes of a hook: it reads the status, and shows the line of
// a 4xx.
type hookAnswer struct {
	status int
	line   string
}

// hookRetry is after how many seconds an inconclusive may have become a pass: Falco's
// next metrics snapshot is a matter of seconds.
const hookRetry = "5"

// flaggerRoutes are what Flagger's webhooks call.
func (s *Server) flaggerRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/flagger/gate", s.hooked(s.flaggerGate)},
		{http.MethodPost, "/v1/flagger/rollback", s.hooked(s.flaggerRollback)},
		{http.MethodPost, "/v1/flagger/event", s.hooked(s.flaggerEvent)},
	}
}

// hooked makes a handler of a hook. Flagger sends no header of its own, so that a token
// comes in the body, which is read before it is known who sends it.
func (s *Server) hooked(answer func(context.Context, access.Caller, *flaggerHook) (hookAnswer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h, wrong := readHook(w, r)
		if token := h.Metadata[hookToken]; token != "" && r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		caller, err := s.authenticate(r)
		if err == nil {
			err = wrong
		}
		if err == nil {
			err = h.check()
		}
		if err == nil {
			err = s.demand(r.Context(), caller, access.Action{Verb: access.Create, Namespace: h.Namespace})
		}
		if err == nil {
			err = h.patience(w)
		}
		var a hookAnswer
		if err == nil {
			a, err = answer(r.Context(), caller, &h)
		}
		if err != nil {
			a = s.hookRefusal(w, r, err)
		}
		if a.status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", hookRetry)
		}
		w.Header().Set("Cache-Control", "no-store")
		writeText(w, a.status, hookLine(a.line))
	}
}

// hookRefusal is a problem as Flagger can show it: its sentence, as text.
func (s *Server) hookRefusal(w http.ResponseWriter, r *http.Request, err error) hookAnswer {
	if errors.Is(err, errRolloutsAway) {
		s.logger.WarnContext(r.Context(), "a hook of Flagger was not answered", "error", err)
		return hookAnswer{http.StatusServiceUnavailable, errRolloutsAway.Error()}
	}
	if errors.Is(err, verifier.ErrTooManyRollouts) {
		w.Header().Set("Retry-After", "60")
		return hookAnswer{http.StatusTooManyRequests, fmt.Sprintf("%d canaries are known, as many as may be; each is forgotten a month after it was heard of last", verifier.MaxRollouts)}
	}
	taken := &captured{header: w.Header()}
	s.refuse(taken, r, nil, err)
	var p problem.Problem
	if json.Unmarshal(taken.body, &p) != nil {
		p.Detail = http.StatusText(taken.status)
	}
	if p.Parameter != "" {
		p.Detail = p.Parameter + ": " + p.Detail
	}
	return hookAnswer{taken.status, p.Detail}
}

// captured takes an answer that is sent in another form.
type captured struct {
	header http.Header
	status int
	body   []byte
}

func (c *captured) Header() http.Header    { return c.header }
func (c *captured) WriteHeader(status int) { c.status = status }

func (c *captured) Write(data []byte) (int, error) {
	c.body = append(c.body, data...)
	return len(data), nil
}

// maxHookLine bounds an answer's text, in characters: it stands in an event of
// Kubernetes, which has 1,024.
const maxHookLine = 500

// hookLine makes a text one line.
func hookLine(text string) string {
	line := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
	if len(line) > maxHookLine {
		line = append(line[:maxHookLine-1], '…')
	}
	return string(line)
}

// flaggerEvent takes note of what Flagger tells of a rollout. What it is asked never
// hangs on that, so whatever Falco saw it is 200.
func (s *Server) flaggerEvent(ctx context.Context, _ access.Caller, h *flaggerHook) (hookAnswer, error) {
	m := h.message()
	m.Event = true
	rollout, err := s.hear(ctx, m)
	if err != nil {
		return hookAnswer{}, err
	}
	if h.Checksum == "" {
		return hookAnswer{http.StatusOK, "not noted: the event has no checksum"}, nil
	}
	if rollout.Start.IsZero() {
		return hookAnswer{http.StatusOK, fmt.Sprintf("noted: no rollout of %s/%s is under way", h.Namespace, h.Name)}, nil
	}
	return hookAnswer{http.StatusOK, fmt.Sprintf("noted: alerts count since %s", rollout.Start.Format(time.RFC3339))}, nil
}

// flaggerGate answers whether the rollout may go on.
func (s *Server) flaggerGate(ctx context.Context, caller access.Caller, h *flaggerHook) (hookAnswer, error) {
	line, outcome, q, err := s.hookVerdict(ctx, caller, h, gateWait)
	switch {
	case err != nil:
		return hookAnswer{}, err
	case outcome == verifier.Pass:
		return hookAnswer{http.StatusOK, line}, nil
	case outcome == verifier.Fail, q.fail:
		return hookAnswer{http.StatusConflict, line}, nil
	}
	return hookAnswer{http.StatusServiceUnavailable, line}, nil
}

// flaggerRollback answers whether to roll back: Flagger does with any status up to 202.
// Only a fail is a reason.
func (s *Server) flaggerRollback(ctx context.Context, caller access.Caller, h *flaggerHook) (hookAnswer, error) {
	line, outcome, _, err := s.hookVerdict(ctx, caller, h, rollbackWait)
	switch {
	case err != nil:
		return hookAnswer{}, err
	case outcome == verifier.Fail:
		return hookAnswer{http.StatusOK, line}, nil
	}
	return hookAnswer{http.StatusConflict, "no reason to roll back: " + line}, nil
}
