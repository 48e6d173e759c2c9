package httpapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
)

// hear takes note of a message within what Flagger waits for. What names no revision
// can't be told from what was heard of another.
func (s *Server) hear(ctx context.Context, m verifier.RolloutMessage) (verifier.Rollout, error) {
	if m.Checksum == "" {
		return verifier.Rollout{}, nil
	}
	bounded, cancel := context.WithTimeout(ctx, rolloutTimeout)
	defer cancel()
	rollout, err := s.rollouts.Hear(bounded, m)
	var field *verifier.FieldError
	if err != nil && !errors.As(err, &field) && !errors.Is(err, verifier.ErrTooManyRollouts) {
		err = fmt.Errorf("%w: %w", errRolloutsAway, err)
	}
	return rollout, err
}

// hookVerdict evaluates what a hook asks over the time that its rollout has taken so far.
func (s *Server) hookVerdict(ctx context.Context, caller access.Caller, h *flaggerHook, wait string) (line string, o verifier.Outcome, q hookQuestion, err error) {
	now := s.service.Now()
	if h.Phase == "" {
		return "", 0, q, &verifier.FieldError{Field: "phase", Detail: "required: Flagger sends one with every hook"}
	}
	if q, err = h.question(now, wait); err != nil {
		return "", 0, q, err
	}
	if elsewhere := q.params[parameter.Namespace].value; elsewhere != h.Namespace {
		a, err := ofNamespace(access.Create)(q.params)
		if err == nil {
			err = s.demand(ctx, caller, a)
		}
		if err != nil {
			return "", 0, q, err
		}
	}
	m := h.message()
	m.Since = q.since
	rollout, err := s.hear(ctx, m)
	if err != nil {
		return "", 0, q, err
	}
	start := rollout.Start
	switch {
	case start.IsZero() && q.since.IsZero() && h.Checksum == "":
		return "inconclusive: this Flagger sends no checksum, so that it is not known since when alerts count; give the webhook's metadata a since", verifier.Inconclusive, q, nil
	case start.IsZero() && q.since.IsZero():
		return fmt.Sprintf("inconclusive: nothing was heard of this revision of %s/%s before its rollout was over (phase %s), so that it is not known since when alerts count; give the webhook's metadata a since, or let Flagger send its events to /v1/flagger/event",
			h.Namespace, h.Name, h.Phase), verifier.Inconclusive, q, nil
	case start.IsZero():
		start = q.since
	case rollout.Begun && q.since.IsZero(), !start.Before(now): // another replica's clock may be ahead
		return fmt.Sprintf("inconclusive: this is the first that is heard of this revision of %s/%s, so that alerts count from now on, %s; ask again, or let Flagger send its events to /v1/flagger/event, which come before",
			h.Namespace, h.Name, start.Format(time.RFC3339)), verifier.Inconclusive, q, nil
	}
	q.params[parameter.Start] = param{parameter.Start, start.Format(time.RFC3339Nano)}
	line, o, err = s.worstOf(ctx, caller, q, now)
	return line, o, q, err
}

// worstOf evaluates a question about each of its rules in turn. One that fails is enough,
// and only if all pass it is a pass.
func (s *Server) worstOf(ctx context.Context, caller access.Caller, q hookQuestion, now time.Time) (line string, o verifier.Outcome, err error) {
	if len(q.rules) == 0 {
		q.rules = []string{""}
	}
	o = verifier.Pass
	for _, rule := range q.rules {
		left := max(0, q.wait-s.service.Now().Sub(now))
		q.params[parameter.Wait] = param{q.params[parameter.Wait].name, left.String()}
		if delete(q.params, parameter.Rule); rule != "" {
			q.params[parameter.Rule] = param{hookRules, rule}
		}
		v, err := s.decide(ctx, request{q.params, caller}, s.service.Evaluate)
		if err != nil {
			return "", 0, err
		}
		switch {
		case v.Verdict == verifier.Fail:
			return hookSentence(v), verifier.Fail, nil
		case v.Verdict != verifier.Pass && o == verifier.Pass:
			line, o = hookSentence(v), verifier.Inconclusive
		case line == "":
			line = hookSentence(v)
		}
	}
	return line, o, nil
}

// hookSentence is a verdict as one line: what decided, and the newest alert.
func hookSentence(v *verifier.Verdict) string {
	text := v.Verdict.String() + ": " + v.Message
	if n := len(v.Reasons); n > 1 && v.Verdict == verifier.Inconclusive {
		text += fmt.Sprintf(" (The first of %d reasons.)", n)
	}
	if len(v.Alerts) > 0 {
		a := v.Alerts[0]
		text += fmt.Sprintf(" The newest is %q", a.Rule)
		if a.Pod != "" {
			text += " in pod " + a.Pod
		}
		text += " at " + a.Time.Format(time.RFC3339) + "."
	}
	return text + " Window " + v.Window.Start.Format(time.RFC3339) + " to " + v.Window.End.Format(time.RFC3339) + "."
}
