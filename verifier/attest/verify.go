package attest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/falcogate/falcogate/verifier"
)

// ErrNotSigned is what a check returns for what none of the keys has signed, or was
// changed since.
var ErrNotSigned = errors.New("the signature does not hold")

// Verified is a verdict that one of the keys has signed.
type Verified struct {
	Verdict *verifier.Verdict
	Data    []byte // as it was published
	KeyID   string
}

// Check checks an envelope, in JSON, of a verdict. It must have a signature by one of the
// keys, and hold the statement that a verdict of falcogate was given, about the digest
// that it names itself. The error wraps ErrNotSigned, or says which other thing it is.
func Check(envelope []byte, keys ...*Key) (*Verified, error) {
	var e dsse.Envelope
	if err := json.Unmarshal(envelope, &e, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("want a DSSE envelope in JSON: %w", err)
	}
	return check(&e, keys)
}

// CheckEvent checks a verdict's event: its data, and its header verifier.SignatureHeader.
// The error is as Check's.
func CheckEvent(data []byte, header string, keys ...*Key) (*Verified, error) {
	var s signatures
	if err := json.Unmarshal([]byte(header), &s, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("want the value of the header %s: %w", verifier.SignatureHeader, err)
	}
	v, err := readVerdict(data)
	if err != nil {
		return nil, err
	}
	payload, err := verdictStatement(v, data)
	if err != nil {
		return nil, err
	}
	return check(&dsse.Envelope{PayloadType: s.PayloadType, Payload: base64.StdEncoding.EncodeToString(payload), Signatures: s.Signatures}, keys)
}

func check(e *dsse.Envelope, keys []*Key) (*Verified, error) {
	verifiers := make([]dsse.Verifier, len(keys))
	for i, k := range keys {
		verifiers[i] = k
	}
	ev, err := dsse.NewEnvelopeVerifier(verifiers...)
	if err != nil {
		return nil, fmt.Errorf("want a public key: %w", err)
	}
	if e.PayloadType != PayloadType {
		return nil, fmt.Errorf("want an envelope with %s, have one with %.100q", PayloadType, e.PayloadType)
	}
	accepted, payload, err := ev.VerifyAndDecode(context.Background(), e)
	if err != nil || len(accepted) == 0 {
		return nil, fmt.Errorf("%w: none of the keys given has signed this", ErrNotSigned)
	}
	var s statement
	if err := json.Unmarshal(payload, &s, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, fmt.Errorf("the envelope holds no in-toto statement: %w", err)
	}
	if s.Type != StatementType || s.PredicateType != VerdictType {
		return nil, fmt.Errorf("want a statement %s of %s, have %.100q of %.100q", StatementType, VerdictType, s.Type, s.PredicateType)
	}
	v, err := readVerdict(s.Predicate)
	if err != nil {
		return nil, err
	}
	// The statement is about what the verdict names, or a verdict of one image could be
	// shown as another's.
	again, err := verdictStatement(v, s.Predicate)
	if err != nil || string(again) != string(payload) {
		return nil, errors.New("the statement is not about what its verdict names, or is not as falcogate writes it")
	}
	return &Verified{v, s.Predicate, accepted[0].KeyID}, nil
}

// readVerdict reads a verdict as it was published.
func readVerdict(data []byte) (*verifier.Verdict, error) {
	v := &verifier.Verdict{}
	if err := json.Unmarshal(data, v, verifier.JSONOptions); err != nil {
		return nil, fmt.Errorf("want a verdict of falcogate: %w", err)
	}
	if v.ID == "" || v.Passed != (v.Verdict == verifier.Pass) {
		return nil, errors.New("want a verdict of falcogate, have JSON without one")
	}
	return v, nil
}
