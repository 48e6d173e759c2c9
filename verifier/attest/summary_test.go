package attest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/attest"
)

type vsa struct {
	Type          string `json:"_type"`
	Subject       []struct{ Digest map[string]string }
	PredicateType string
	Predicate     struct {
		Verifier struct {
			ID      string
			Version map[string]string
		}
		TimeVerified, ResourceURI, VerificationResult string
		VerifiedLevels                                []string
		Policy                                        struct {
			URI    string
			Digest map[string]string
		}
		InputAttestations []struct {
			URI    string
			Digest map[string]string
		}
	}
}

func summaryOf(t *testing.T, p pair, change func(*verifier.Verdict)) vsa {
	t.Helper()
	v, data := verdict(t, change)
	envelope, err := p.signer.Summary(v, data)
	require.NoError(t, err)
	var e struct{ Payload []byte }
	require.NoError(t, json.Unmarshal(envelope, &e))
	var s vsa
	require.NoError(t, json.Unmarshal(e.Payload, &s))
	return s
}

func TestSummary(t *testing.T) {
	t.Parallel()
	p := ed25519Pair(t)
	s := summaryOf(t, p, nil)
	require.Equal(t, "https://in-toto.io/Statement/v1", s.Type)
	require.Equal(t, "https://slsa.dev/verification_summary/v1", s.PredicateType)
	require.Equal(t, digest[7:], s.Subject[0].Digest["sha256"])
	require.Equal(t, "PASSED", s.Predicate.VerificationResult)
	require.Equal(t, []string{"FALCOGATE_ACCOUNTED"}, s.Predicate.VerifiedLevels)
	require.Equal(t, "2026-11-23T06:30:00.000000123Z", s.Predicate.TimeVerified)
	require.Equal(t, "urn:falcogate:digest:"+digest, s.Predicate.ResourceURI)
	require.Equal(t, map[string]string{"falcogate": "v0.0.0-test"}, s.Predicate.Verifier.Version)
	require.Equal(t, "urn:falcogate:verdict:4ef01218c702c2f2a839a267c48edbd4", s.Predicate.InputAttestations[0].URI)
	require.Len(t, s.Predicate.InputAttestations[0].Digest["sha256"], 64)

	named := summaryOf(t, p, func(v *verifier.Verdict) {
		v.Verdict, v.Passed = verifier.Fail, false
		v.Gate.Labels = map[string]string{attest.ResourceLabel: "oci://registry.example/shop"}
	})
	require.Equal(t, "FAILED", named.Predicate.VerificationResult)
	require.Equal(t, []string{"FAILED"}, named.Predicate.VerifiedLevels)
	require.Equal(t, "oci://registry.example/shop", named.Predicate.ResourceURI)
	require.Equal(t, s.Predicate.Policy, named.Predicate.Policy, "the same is asked")

	laxer := summaryOf(t, p, func(v *verifier.Verdict) { v.MaxAlerts = 3 })
	require.NotEqual(t, s.Predicate.Policy.Digest, laxer.Predicate.Policy.Digest)
}

func TestNoSummary(t *testing.T) {
	t.Parallel()
	p := ed25519Pair(t)
	for name, change := range map[string]func(*verifier.Verdict){
		"inconclusive": func(v *verifier.Verdict) { v.Verdict, v.Passed = verifier.Inconclusive, false },
		"no digest":    func(v *verifier.Verdict) { v.Gate.Digest = "" },
		"no gate":      func(v *verifier.Verdict) { v.Gate = nil },
	} {
		v, data := verdict(t, change)
		_, err := p.signer.Summary(v, data)
		require.ErrorIs(t, err, attest.ErrNoSummary, name)
	}
}
