package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
)

// Gates are what the API serves of gates.
type Gates interface {
	// OpenAt opens the gate that spec makes as of a time, and reports whether it was
	// not open before. The error is spec's, a *verifier.FieldError, or wraps
	// verifier.ErrGateDiffers, ErrTooManyGates or ErrGatesNotReady.
	OpenAt(ctx context.Context, spec func(now time.Time) (verifier.GateSpec, error)) (gate *verifier.Gate, opened bool, err error)
	// Get returns a gate that is the caller's to change, or verifier.ErrNoGate.
	Get(ctx context.Context, id string) (*verifier.Gate, error)
	// List returns the gates that a filter selects, or verifier.ErrGatesNotReady.
	List(f verifier.GateFilter) ([]verifier.ListedGate, error)
	// Close ends a gate's window at end, or now when that is zero. The error is a
	// *verifier.FieldError, or wraps verifier.ErrNoGate or ErrGateFinal.
	Close(ctx context.Context, id string, end time.Time) (*verifier.Gate, error)
	// Cancel ends a gate without a verdict. The error is as that of Close.
	Cancel(ctx context.Context, id string) (*verifier.Gate, error)
	// Follow calls fn with what becomes of a gate, up to its end. The error is fn's,
	// ctx's, verifier.ErrNoGate or ErrGatesNotReady.
	Follow(ctx context.Context, id string, fn func(verifier.GateEvent) error) error
}

// gateTimeout bounds how long a request about gates waits for their store: less than
// an answer may take, so that there is one.
const gateTimeout = 15 * time.Second

// errGatesAway is what a request about gates gets when their store is.
var errGatesAway = errors.New("the event log, which keeps the gates, can't be reached at present")

// stored bounds what is done with the store of gates.
func stored[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	answer, err := do(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", errGatesAway, err)
	}
	return answer, err
}

// openGate opens a gate.
func (s *Server) openGate(ctx context.Context, r request) (any, error) {
	excuses, err := r.excuses()
	if err == nil {
		err = s.mayCompare(ctx, r.caller, excuses.Baseline)
	}
	if err != nil {
		return nil, err
	}
	fresh := false
	gate, err := stored(ctx, func(ctx context.Context) (gate *verifier.Gate, err error) {
		gate, fresh, err = s.gates.OpenAt(ctx, r.gateSpec)
		return gate, err
	})
	var field *verifier.FieldError
	if errors.As(err, &field) && field.Field == parameter.End {
		if _, given := r.params[parameter.Duration]; given {
			return nil, &verifier.FieldError{Field: parameter.Duration, Detail: field.Detail}
		}
	}
	if err != nil {
		return nil, err
	}
	if fresh {
		return created{"/v1/gates/" + gate.ID, gate}, nil
	}
	return s.shown(ctx, r.caller, gate), nil
}

// listGates lists gates, those that were opened last first.
func (s *Server) listGates(_ context.Context, r request) (any, error) {
	filter, limit, err := r.gateFilter()
	if err != nil {
		return nil, err
	}
	all, err := s.gates.List(filter)
	if err != nil {
		return nil, err
	}
	n := min(limit, len(all))
	return &verifier.GateList{GateCount: len(all), Gates: all[:n], Truncated: n < len(all)}, nil
}

// getGate shows a gate.
func (s *Server) getGate(ctx context.Context, r request) (any, error) {
	gate, err := s.gateFor(ctx, r, access.Get)
	if err != nil {
		return nil, err
	}
	return s.shown(ctx, r.caller, gate), nil
}

// closeGate ends a gate's window.
func (s *Server) closeGate(ctx context.Context, r request) (any, error) {
	var end time.Time
	err := r.read(parameter.End, func(v string) (err error) { end, err = parameter.ParseTime(v, s.service.Now()); return err })
	if err != nil {
		return nil, err
	}
	gate, err := s.gateFor(ctx, r, access.Create)
	if err != nil {
		return nil, err
	}
	return stored(ctx, func(ctx context.Context) (*verifier.Gate, error) { return s.gates.Close(ctx, gate.ID, end) })
}

// cancelGate ends a gate without a verdict.
func (s *Server) cancelGate(ctx context.Context, r request) (any, error) {
	gate, err := s.gateFor(ctx, r, access.Create)
	if err != nil {
		return nil, err
	}
	return stored(ctx, func(ctx context.Context) (*verifier.Gate, error) { return s.gates.Cancel(ctx, gate.ID) })
}

// gateFor is the gate that a request names, for who may do something with it. To who
// may not see it either it is one that there is not.
func (s *Server) gateFor(ctx context.Context, r request, verb access.Verb) (*verifier.Gate, error) {
	everywhere := s.demand(ctx, r.caller, access.Action{Verb: verb})
	if errors.Is(everywhere, access.ErrUnavailable) {
		return nil, everywhere // or only a gate that there is would be refused so
	}
	gate, err := stored(ctx, func(ctx context.Context) (*verifier.Gate, error) {
		return s.gates.Get(ctx, r.params[parameter.ID].value)
	})
	if err != nil || everywhere == nil {
		return gate, err
	}
	err = s.demand(ctx, r.caller, access.Action{Verb: verb, Namespace: gate.Namespace})
	var forbidden *forbiddenError
	if !errors.As(err, &forbidden) {
		return gate, err
	}
	if verb != access.Get && s.demand(ctx, r.caller, access.Action{Verb: access.Get, Namespace: gate.Namespace}) == nil {
		return nil, err
	}
	return nil, verifier.ErrNoGate
}

// shown is a gate with what the caller may see of its verdict.
func (s *Server) shown(ctx context.Context, caller access.Caller, gate *verifier.Gate) *verifier.Gate {
	if v := gate.Verdict; v != nil && v.Withholds() && !s.everything(ctx, caller) {
		v.Withhold()
	}
	return gate
}

// refuseGate answers what is wrong with a gate, and reports whether err says so.
func (s *Server) refuseGate(w http.ResponseWriter, r *http.Request, err error) bool {
	switch {
	case errors.Is(err, verifier.ErrNoGate):
		problem.Write(w, http.StatusNotFound, "there is no gate of this id, or it is of a namespace that you may not ask about")
	case errors.Is(err, verifier.ErrGateDiffers):
		// Nothing of the other one is told: it may be of any namespace.
		problem.Write(w, http.StatusConflict, "there is a gate of this id that asks something else: choose another id, or look at that one")
	case errors.Is(err, verifier.ErrGateFinal):
		problem.Write(w, http.StatusConflict, err.Error())
	case errors.Is(err, verifier.ErrTooManyGates):
		w.Header().Set("Retry-After", "10")
		problem.Write(w, http.StatusTooManyRequests, err.Error()+"; close or cancel some, or raise --max-gates")
	case errors.Is(err, verifier.ErrGatesNotReady):
		w.Header().Set("Retry-After", "2")
		problem.Write(w, http.StatusServiceUnavailable, err.Error()+": ask again")
	case errors.Is(err, verifier.ErrGateStale):
		w.Header().Set("Retry-After", "2")
		problem.Write(w, http.StatusServiceUnavailable, verifier.ErrGateStale.Error()+": ask again")
	case errors.Is(err, errGatesAway):
		s.logger.WarnContext(r.Context(), "a request about gates was not answered", "error", err)
		w.Header().Set("Retry-After", "2")
		problem.Write(w, http.StatusServiceUnavailable, errGatesAway.Error()+": what was asked may have been done all the same; ask again, with the same id")
	default:
		return false
	}
	return true
}
