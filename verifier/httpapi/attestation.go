package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

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

// paramPredicate says what an attestation holds.
const paramPredicate = "predicate"

// Predicates of an attestation.
const (
	PredicateVerdict = "verdict" // the default
	PredicateVSA     = "vsa"
)

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
	published, err := s.service.Published(ctx, r.params[paramVerdict].value)
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
	switch predicate := r.params[paramPredicate].value; predicate {
	case "", PredicateVerdict:
		if v.Withholds() {
			if err := s.demand(ctx, r.caller, everywhere); err != nil {
				return nil, err
			}
		}
		signed, err = s.attestor.Verdict(v, data)
	case PredicateVSA:
		signed, err = s.attestor.Summary(v, data)
	default:
		return nil, &verifier.FieldError{Field: paramPredicate, Detail: fmt.Sprintf("unknown predicate %.40q: want %s or %s", predicate, PredicateVerdict, PredicateVSA)}
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

// GateAttestation asks for the envelope of a gate's verdict: PredicateVerdict or
// PredicateVSA. The error is a *ProblemError when the server gave none.
func (c *Client) GateAttestation(ctx context.Context, id, predicate string) ([]byte, error) {
	return c.attestation(ctx, gatePath(id), predicate)
}

// VerdictAttestation asks for the envelope of a published verdict. The error is as
// GateAttestation's.
func (c *Client) VerdictAttestation(ctx context.Context, id, predicate string) ([]byte, error) {
	return c.attestation(ctx, verdictPath(id), predicate)
}

func (c *Client) attestation(ctx context.Context, path, predicate string) ([]byte, error) {
	req, err := c.request(ctx, http.MethodGet, path+"/attestation", url.Values{paramPredicate: {predicate}}, nil)
	if err != nil {
		return nil, err
	}
	_, data, err := c.send(req)
	return data, err
}
