package httpapi

import (
	"context"
	"errors"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
)

// evaluate answers a question.
func (s *Server) evaluate(ctx context.Context, r request) (any, error) {
	return s.formed(ctx, r, s.service.Evaluate)
}

// publish answers a question and publishes the verdict.
func (s *Server) publish(ctx context.Context, r request) (any, error) {
	return s.formed(ctx, r, s.service.Publish)
}

// formed has a question answered in the form that the caller wants.
func (s *Server) formed(ctx context.Context, r request, how func(context.Context, verifier.Question) (*verifier.Verdict, error)) (any, error) {
	format, err := r.format()
	if err != nil {
		return nil, err
	}
	v, err := s.decide(ctx, r, how)
	if err != nil {
		return nil, err
	}
	if format == parameter.FormatAegis {
		return v.Aegis(), nil
	}
	return v, nil
}

// decide has a question answered, and shows of the answer what the caller may see.
func (s *Server) decide(ctx context.Context, r request, how func(context.Context, verifier.Question) (*verifier.Verdict, error)) (*verifier.Verdict, error) {
	q, err := r.question(s.service.Now())
	if err != nil {
		return nil, err
	}
	if err := s.mayCompare(ctx, r.caller, q.Excuses.Baseline); err != nil {
		return nil, err
	}
	v, err := how(ctx, q)
	if err != nil {
		return nil, err
	}
	if v.Withholds() && !s.everything(ctx, r.caller) {
		v.Withhold()
	}
	return v, nil
}

// explain evaluates a published verdict again. To who may not ask about its
// namespace it is one that there is not.
func (s *Server) explain(ctx context.Context, r request) (any, error) {
	err := s.demand(ctx, r.caller, everywhere)
	if errors.Is(err, access.ErrUnavailable) {
		return nil, err // or only a verdict that there is would be refused so
	}
	all := err == nil
	e, err := s.service.Explain(ctx, r.params[parameter.Verdict].value, func(ctx context.Context, namespace string) error {
		if all {
			return nil
		}
		err := s.demand(ctx, r.caller, access.Action{Verb: access.Get, Namespace: namespace})
		var forbidden *forbiddenError
		if errors.As(err, &forbidden) {
			return verifier.ErrNoVerdict
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !all {
		e.Withhold()
	}
	return e, nil
}

// diagnose says what each sensor lacks. It has no parameters.
func (s *Server) diagnose(ctx context.Context, _ request) (any, error) {
	return s.service.Diagnose(ctx), nil
}

// alerts lists alerts.
func (s *Server) alerts(ctx context.Context, r request) (any, error) {
	sel, err := r.selection(s.service.Now())
	if err != nil {
		return nil, err
	}
	return s.service.Alerts(ctx, sel)
}

// sensors lists sensors. It has no parameters.
func (s *Server) sensors(ctx context.Context, _ request) (any, error) {
	return s.service.Sensors(ctx), nil
}
