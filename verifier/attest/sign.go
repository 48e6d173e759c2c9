package attest

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/falcogate/falcogate/verifier"
)

// EnvelopeMediaType is that of a DSSE envelope in JSON.
const EnvelopeMediaType = "application/vnd.dsse.envelope.v1+json"

// Signer signs with one key. Its methods may be called concurrently, and do not block.
type Signer struct {
	key       *Key
	envelopes *dsse.EnvelopeSigner
	version   string
}

// NewSigner makes a Signer of a private key. Version is the daemon's.
func NewSigner(key *Key, version string) (*Signer, error) {
	if key.secret == nil {
		return nil, errors.New("want a private key, have a public one")
	}
	envelopes, err := dsse.NewEnvelopeSigner(key)
	if err != nil {
		return nil, err
	}
	return &Signer{key, envelopes, version}, nil
}

// Verdict is the envelope, in JSON, of the statement that a verdict was given. Data is
// the verdict as it was published.
func (s *Signer) Verdict(v *verifier.Verdict, data []byte) ([]byte, error) {
	payload, err := verdictStatement(v, data)
	if err != nil {
		return nil, err
	}
	return s.envelope(payload)
}

// Summary is the envelope, in JSON, of the verdict's verification summary. The error
// wraps ErrNoSummary when there is none of it.
func (s *Signer) Summary(v *verifier.Verdict, data []byte) ([]byte, error) {
	payload, err := summaryStatement(v, data, s.version)
	if err != nil {
		return nil, err
	}
	return s.envelope(payload)
}

// Signed returns an error unless a signature, as SignVerdict has made it, is this key's and
// of that data.
func (s *Signer) Signed(data []byte, signature string) error {
	_, err := CheckEvent(data, signature, s.key)
	return err
}

// envelope signs a payload and writes the envelope in JSON.
func (s *Signer) envelope(payload []byte) ([]byte, error) {
	signed, err := s.sign(payload)
	if err != nil {
		return nil, err
	}
	return json.Marshal(signed, json.Deterministic(true))
}

func (s *Signer) sign(payload []byte) (*dsse.Envelope, error) {
	signed, err := s.envelopes.SignPayload(context.Background(), PayloadType, payload)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return signed, nil
}

// signatures are an envelope without its payload, which whoever has the verdict can make.
type signatures struct {
	PayloadType string           `json:"payloadType"`
	Signatures  []dsse.Signature `json:"signatures"`
}

// SignVerdict is the envelope of Verdict without its payload: the value of the event's
// header verifier.SignatureHeader. It implements verifier.Signer.
func (s *Signer) SignVerdict(v *verifier.Verdict, data []byte) (string, error) {
	payload, err := verdictStatement(v, data)
	if err != nil {
		return "", err
	}
	signed, err := s.sign(payload)
	if err != nil {
		return "", err
	}
	header, err := json.Marshal(signatures{signed.PayloadType, signed.Signatures}, json.Deterministic(true))
	return string(header), err
}
