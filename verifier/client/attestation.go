package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/falcogate/falcogate/internal/parameter"
)

// Predicates: what an attestation holds.
const (
	PredicateVerdict = parameter.PredicateVerdict // the verdict
	PredicateVSA     = parameter.PredicateVSA     // a verification summary, as SLSA has it
)

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
	req, err := c.request(ctx, http.MethodGet, path+"/attestation", url.Values{parameter.Predicate: {predicate}}, nil)
	if err != nil {
		return nil, err
	}
	_, data, err := c.send(req)
	return data, err
}
