package attest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// ErrNoSummary is why a verdict has no verification summary.
var ErrNoSummary = errors.New("there is no verification summary of this verdict")

// ResourceLabel is the label of a gate that has the URI of what was verified.
const ResourceLabel = "resource-uri"

// summary is the predicate of a verification summary attestation, as
// https://slsa.dev/verification_summary/v1 has it.
type summary struct {
	Verifier struct {
		ID      string            `json:"id"`
		Version map[string]string `json:"version"`
	} `json:"verifier"`
	TimeVerified time.Time  `json:"timeVerified"`
	ResourceURI  string     `json:"resourceUri"`
	Policy       resource   `json:"policy"`
	Inputs       []resource `json:"inputAttestations"`
	Result       string     `json:"verificationResult"`
	Levels       []string   `json:"verifiedLevels"`
}

// resource is a ResourceDescriptor of in-toto.
type resource struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// policy is what a summary's policy digest is over: all of the question that says what
// a pass takes.
type policy struct {
	Severity  correlate.Priority     `json:"severity"`
	Evidence  verifier.Evidence      `json:"evidence"`
	Policy    verifier.PolicyApplied `json:"policy"`
	Rule      string                 `json:"rule,omitzero"`
	MaxAlerts uint64                 `json:"max_alerts,omitzero"`
	Ignored   []verifier.Ignore      `json:"ignore,omitzero"`
	Baseline  *verifier.Baseline     `json:"baseline,omitzero"`
}

// summaryStatement is the verification summary of a verdict. The error wraps ErrNoSummary
// when it is inconclusive, or of no digest.
func summaryStatement(v *verifier.Verdict, data []byte, version string) ([]byte, error) {
	algorithm, digest, ok := digestOf(v)
	switch {
	case v.Verdict == verifier.Inconclusive:
		return nil, fmt.Errorf("%w: it is inconclusive, and a summary is of a pass or a fail", ErrNoSummary)
	case !ok:
		return nil, fmt.Errorf("%w: open the gate with the digest of what is verified (digest, --digest)", ErrNoSummary)
	}
	var s summary
	s.Verifier.ID, s.Verifier.Version = "https://falcogate.dev/verifier", map[string]string{"falcogate": version}
	s.TimeVerified = v.EvaluatedAt
	s.ResourceURI = v.Gate.Labels[ResourceLabel]
	if s.ResourceURI == "" {
		s.ResourceURI = "urn:falcogate:digest:" + v.Gate.Digest
	}
	asked, err := json.Marshal(policyOf(v), verifier.JSONOptions)
	if err != nil {
		return nil, err
	}
	s.Policy = resource{"https://falcogate.dev/policy/v1", map[string]string{"sha256": sumOf(asked)}}
	s.Inputs = []resource{{"urn:falcogate:verdict:" + v.ID, map[string]string{"sha256": sumOf(data)}}}
	s.Result, s.Levels = "FAILED", []string{"FAILED"}
	if v.Verdict == verifier.Pass {
		s.Result, s.Levels = "PASSED", []string{"FALCOGATE_" + strings.ToUpper(string(v.Coverage.Evidence))}
	}
	predicate, err := json.Marshal(&s, verifier.JSONOptions)
	if err != nil {
		return nil, err
	}
	st := statement{StatementType, []subject{{Digest: map[string]string{algorithm: digest}}}, SummaryType, predicate}
	return st.encode()
}

// policyOf is the policy of a verdict.
func policyOf(v *verifier.Verdict) policy {
	p := policy{Severity: v.Severity, Evidence: v.Evidence, Policy: v.Policy, Rule: v.Rule, MaxAlerts: v.MaxAlerts}
	if v.Excused != nil {
		for _, i := range v.Excused.Ignored {
			p.Ignored = append(p.Ignored, i.Ignore)
		}
	}
	if v.Baseline != nil {
		p.Baseline = &v.Baseline.Baseline
	}
	return p
}
