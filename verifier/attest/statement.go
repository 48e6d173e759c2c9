package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/falcogate/falcogate/verifier"
)

// Types of what is signed.
const (
	// PayloadType is that of an in-toto statement in an envelope.
	PayloadType = "application/vnd.in-toto+json"
	// StatementType is the in-toto attestation framework's, version 1.
	StatementType = "https://in-toto.io/Statement/v1"
	// VerdictType is the predicate that a verdict is.
	VerdictType = "https://falcogate.dev/verdict/v1"
	// SummaryType is SLSA's verification summary, version 1.
	SummaryType = "https://slsa.dev/verification_summary/v1"
)

// statement is an in-toto statement. Its members stand in this order, and the predicate
// as it came: who has the predicate can make the same bytes.
type statement struct {
	Type          string         `json:"_type"`
	Subject       []subject      `json:"subject"`
	PredicateType string         `json:"predicateType"`
	Predicate     jsontext.Value `json:"predicate"`
}

// subject is what a statement is about.
type subject struct {
	Name   string            `json:"name,omitzero"`
	Digest map[string]string `json:"digest"`
}

// encode writes the statement without a space between its own members.
func (s *statement) encode() ([]byte, error) {
	return json.Marshal(s, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(true))
}

// subjectOf is what was verified, where the gate had its digest, and else the verdict.
func subjectOf(v *verifier.Verdict, data []byte) subject {
	if algorithm, digest, ok := digestOf(v); ok {
		return subject{Digest: map[string]string{algorithm: digest}}
	}
	return subject{Name: v.ID, Digest: map[string]string{"sha256": sumOf(data)}}
}

// digestOf is the digest that the verdict's gate had.
func digestOf(v *verifier.Verdict) (algorithm, digest string, ok bool) {
	if v.Gate == nil {
		return "", "", false
	}
	return strings.Cut(v.Gate.Digest, ":")
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// verdictStatement is the statement that the verdict was given. Data is the verdict as
// it was published.
func verdictStatement(v *verifier.Verdict, data []byte) ([]byte, error) {
	s := statement{StatementType, []subject{subjectOf(v, data)}, VerdictType, data}
	return s.encode()
}
