package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/internal/problem"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
	"github.com/falcogate/falcogate/verifier/attest"
)

// Attestor signs verdicts for who asks.
type Attestor interface {
	// Verdict is the envelope of a verdict. Data is that as it was published.
	Verdict(v *verifier.Verdict, data []byte) ([]byte, error)
	// Summary is the envelope of the verdict's verification summary, or an error that
	// wraps attest.ErrNoSummary.
	Summary(v *verifier.Verdict, data []byte) ([]byte, error)
	// Signed returns an error unless a signature of the verdict is this signer's own.
	Signed(data []byte, signature string) error
}

// attestationParams are what a request for an attestation knows.
var attestationParams = []string{parameter.Predicate}

// Errors of attestations.
var (
	errNoSigner  = errors.New("this falcogate signs nothing: it was started without --signing-key")
	errUndecided = errors.New("the gate has no verdict to be attested")
	errNotOurs   = errors.New("the verdict was published without a signature of this falcogate's key, and gets none afterwards: whoever may publish to NATS could have written it")
)

// envelope is an answer that is not written as JSON again.
type envelope []byte

// attestGate signs the verdict of a gate.
func (s *Server) attestGate(ctx context.Context, r request) (any, error) {
	gate, err := s.gateFor(ctx, r, access.Get)
	switch {
	case err != nil:
		return nil, err
	case gate.Verdict == nil:
		return nil, fmt.Errorf("%w: it is %s", errUndecided, gate.State)
	}
	data, err := verifier.EventData(gate.Verdict)
	if err != nil {
		return nil, err
	}
	return s.attest(ctx, r, gate.Verdict, data)
}

// attestVerdict signs a verdict that was published. To who may not ask about its
// namespace it is one that there is not.
func (s *Server) attestVerdict(ctx context.Context, r request) (any, error) {
	all := s.demand(ctx, r.caller, everywhere)
	if errors.Is(all, access.ErrUnavailable) {
		return nil, all
	}
	published, err := s.service.Published(ctx, r.params[parameter.Verdict].value)
	if err != nil {
		return nil, err
	}
	v := published.Verdict
	if all != nil {
		err = s.demand(ctx, r.caller, access.Action{Verb: access.Get, Namespace: v.Namespace})
		var forbidden *forbiddenError
		switch {
		case errors.As(err, &forbidden):
			return nil, verifier.ErrNoVerdict
		case err != nil:
			return nil, err
		}
	}
	// Whoever may publish to NATS could have had a verdict of their own signed.
	if s.attestor != nil && s.attestor.Signed(published.Data, published.Signature) != nil {
		return nil, errNotOurs
	}
	return s.attest(ctx, r, v, published.Data)
}

// attest signs what the caller asks for of a verdict that they may see. An envelope holds
// all of it, also what an answer withholds from who may see one namespace alone.
func (s *Server) attest(ctx context.Context, r request, v *verifier.Verdict, data []byte) (any, error) {
	if s.attestor == nil {
		return nil, errNoSigner
	}
	var signed []byte
	var err error
	switch predicate := r.params[parameter.Predicate].value; predicate {
	case "", parameter.PredicateVerdict:
		if v.Withholds() {
			if err := s.demand(ctx, r.caller, everywhere); err != nil {
				return nil, err
			}
		}
		signed, err = s.attestor.Verdict(v, data)
	case parameter.PredicateVSA:
		signed, err = s.attestor.Summary(v, data)
	default:
		return nil, &verifier.FieldError{Field: parameter.Predicate, Detail: fmt.Sprintf("unknown predicate %.40q: want %s or %s", predicate, parameter.PredicateVerdict, parameter.PredicateVSA)}
	}
	return envelope(signed), err
}

// refuseAttestation answers why there is none, and reports whether err says so.
func refuseAttestation(w http.ResponseWriter, err error) bool {
	switch {
	case errors.Is(err, errNoSigner):
		problem.Write(w, http.StatusNotImplemented, err.Error())
	case errors.Is(err, errUndecided), errors.Is(err, errNotOurs), errors.Is(err, attest.ErrNoSummary):
		problem.Write(w, http.StatusConflict, err.Error())
	default:
		return false
	}
	return true
}
