package attest_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/attest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a key, and its two files.
type pair struct {
	signer            *attest.Signer
	public            *attest.Key
	secretPEM, pubPEM []byte
}

func pemOf(t testing.TB, kind string, der []byte, err error) []byte {
	t.Helper()
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func newPair(t testing.TB, secret interface{ Public() any }, key any) pair {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	p := pair{secretPEM: pemOf(t, "PRIVATE KEY", der, err)}
	der, err = x509.MarshalPKIXPublicKey(secret.Public())
	p.pubPEM = pemOf(t, "PUBLIC KEY", der, err)
	private, err := attest.ParsePrivateKey(p.secretPEM)
	require.NoError(t, err)
	p.signer, err = attest.NewSigner(private, "v0.0.0-test")
	require.NoError(t, err)
	p.public, err = attest.ParsePublicKey(p.pubPEM)
	require.NoError(t, err)
	require.Equal(t, private.ID(), p.public.ID())
	return p
}

// ed and ec are their keys as newPair takes them.
type ed struct{ ed25519.PrivateKey }

func (k ed) Public() any { return k.PrivateKey.Public() }

type ec struct{ *ecdsa.PrivateKey }

func (k ec) Public() any { return k.PrivateKey.Public() }

func ed25519Pair(t testing.TB) pair {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return newPair(t, ed{key}, key)
}

func p256Pair(t testing.TB) pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return newPair(t, ec{key}, key)
}

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// verdict is one, and its event's data.
func verdict(t testing.TB, change func(*verifier.Verdict)) (*verifier.Verdict, []byte) {
	t.Helper()
	at := time.Date(2026, 11, 23, 6, 30, 0, 123, time.UTC)
	v := &verifier.Verdict{
		ID: "4ef01218c702c2f2a839a267c48edbd4", Verdict: verifier.Pass, Passed: true, Reason: verifier.ReasonProven, Message: "<&> \u2028 proven",
		Reasons:   []verifier.Reason{{Reason: verifier.ReasonProven, Message: "proven"}},
		Namespace: "shop", Severity: correlate.Warning, Evidence: verifier.Accounted, Window: verifier.Window{Start: at.Add(-time.Minute), End: at},
		Coverage: verifier.Coverage{Evidence: verifier.Accounted},
		Gate:     &verifier.GateRef{ID: "deploy-7", OpenedAt: at, Digest: digest}, AsOf: 34, EvaluatedAt: at,
	}
	if change != nil {
		change(v)
	}
	data, err := verifier.EventData(v)
	require.NoError(t, err)
	return v, data
}

func TestSignAndCheck(t *testing.T) {
	t.Parallel()
	other := ed25519Pair(t)
	for name, p := range map[string]pair{"Ed25519": ed25519Pair(t), "ECDSA P-256": p256Pair(t)} {
		for what, change := range map[string]func(*verifier.Verdict){
			"of a digest":    nil,
			"without digest": func(v *verifier.Verdict) { v.Gate.Digest = "" },
			"without a gate": func(v *verifier.Verdict) { v.Gate = nil },
			"a fail": func(v *verifier.Verdict) {
				v.Verdict, v.Passed = verifier.Fail, false
				v.Alerts = []verifier.Alert{{Output: `a "quoted" <tag> ` + "\xff", OutputFields: map[string]string{}, Tags: []string{}, Priority: correlate.Critical}}
			},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				v, data := verdict(t, change)
				envelope, err := p.signer.Verdict(v, data)
				require.NoError(t, err)
				found, err := attest.Check(envelope, other.public, p.public)
				require.NoError(t, err)
				require.Equal(t, p.public.ID(), found.KeyID)
				require.Equal(t, string(data), string(found.Data))
				require.Equal(t, v.ID, found.Verdict.ID)
				_, err = attest.Check(envelope, other.public)
				require.ErrorIs(t, err, attest.ErrNotSigned)
				_, err = attest.Check(envelope)
				require.ErrorContains(t, err, "public key")

				header, err := p.signer.SignVerdict(v, data)
				require.NoError(t, err)
				found, err = attest.CheckEvent(data, header, p.public)
				require.NoError(t, err)
				require.Equal(t, string(data), string(found.Data))
				_, err = attest.CheckEvent([]byte(strings.Replace(string(data), "shop", "cart", 1)), header, p.public)
				require.ErrorIs(t, err, attest.ErrNotSigned)
			})
		}
	}
}

// Whoever can compute a PAE and knows the key's algorithm needs no falcogate.
func TestSignatureIsPlainDSSE(t *testing.T) {
	t.Parallel()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p := newPair(t, ed{key}, key)
	v, data := verdict(t, nil)
	envelope, err := p.signer.Verdict(v, data)
	require.NoError(t, err)
	var e struct {
		PayloadType string
		Payload     []byte
		Signatures  []struct {
			KeyID string
			Sig   []byte
		}
	}
	require.NoError(t, json.Unmarshal(envelope, &e))
	require.Equal(t, "application/vnd.in-toto+json", e.PayloadType)
	require.Equal(t, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"`+digest[7:]+`"}}],"predicateType":"https://falcogate.dev/verdict/v1","predicate":`+string(data)+`}`, string(e.Payload))
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(e.Payload), e.Payload)
	require.Len(t, e.Signatures, 1)
	require.True(t, ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(pae), e.Signatures[0].Sig))
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256(der)), e.Signatures[0].KeyID)
}

// Nothing of an envelope can be changed, and nothing else can be passed off as a verdict.
func TestTampering(t *testing.T) {
	t.Parallel()
	p := ed25519Pair(t)
	v, data := verdict(t, nil)
	good, err := p.signer.Verdict(v, data)
	require.NoError(t, err)
	sign := func(payload string) []byte { return p.sign(t, payload) }
	fail, failData := verdict(t, func(v *verifier.Verdict) { v.Verdict, v.Passed = verifier.Fail, false })
	_ = fail
	summary, err := p.signer.Summary(v, data)
	require.NoError(t, err)
	statement := func(subject, predicateType, predicate string) string {
		return `{"_type":"https://in-toto.io/Statement/v1","subject":[` + subject + `],"predicateType":"` + predicateType + `","predicate":` + predicate + `}`
	}
	own := `{"digest":{"sha256":"` + digest[7:] + `"}}`
	for name, envelope := range map[string][]byte{
		"another payload":            []byte(strings.Replace(string(good), `"payload":"ey`, `"payload":"fy`, 1)),
		"another type":               []byte(strings.Replace(string(good), "in-toto+json", "in-toto", 1)),
		"no signature":               []byte(strings.Split(string(good), `"signatures"`)[0]),
		"an unknown member":          []byte(strings.Replace(string(good), `"payload"`, `"x":1,"payload"`, 1)),
		"a payload that comes twice": []byte(strings.Replace(string(good), `"payload"`, `"payload":"e30=","payload"`, 1)),
		"a summary":                  summary,
		"not JSON":                   []byte("x"),
		"another subject":            sign(statement(`{"digest":{"sha256":"`+strings.Repeat("0", 64)+`"}}`, attest.VerdictType, string(data))),
		"two subjects":               sign(statement(own+","+own, attest.VerdictType, string(data))),
		"another predicate":          sign(statement(own, "https://falcogate.dev/verdict/v2", string(data))),
		"a predicate that is none":   sign(statement(own, attest.VerdictType, `{}`)),
		"passed that is no pass":     sign(statement(own, attest.VerdictType, strings.Replace(string(failData), `"passed":false`, `"passed":true`, 1))),
		"a statement with more":      sign(strings.TrimSuffix(statement(own, attest.VerdictType, string(data)), "}") + `,"x":1}`),
		"no statement":               sign(`[]`),
	} {
		_, err := attest.Check(envelope, p.public)
		require.Error(t, err, name)
	}
	_, err = attest.Check(sign(statement(own, attest.VerdictType, string(data))), p.public)
	require.NoError(t, err, "the helper makes what is right")
}

// sign signs any payload, as whoever has the key can.
func (p pair) sign(t testing.TB, payload string) []byte {
	t.Helper()
	key, err := attest.ParsePrivateKey(p.secretPEM)
	require.NoError(t, err)
	signature, err := key.Sign(t.Context(), fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(attest.PayloadType), attest.PayloadType, len(payload), payload))
	require.NoError(t, err)
	return fmt.Appendf(nil, `{"payloadType":%q,"payload":%q,"signatures":[{"keyid":%q,"sig":%q}]}`,
		attest.PayloadType, base64.StdEncoding.EncodeToString([]byte(payload)), key.ID(), base64.StdEncoding.EncodeToString(signature))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	p := ed25519Pair(t)
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(big)
	rsaPEM := pemOf(t, "PRIVATE KEY", der, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	der, err = x509.MarshalPKCS8PrivateKey(p384)
	p384PEM := pemOf(t, "PRIVATE KEY", der, err)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})
	for name, text := range map[string][]byte{
		"nothing": nil, "RSA": rsaPEM, "P-384": p384PEM, "encrypted": encrypted, "a public key": p.pubPEM,
		"two keys": append(append([]byte{}, p.secretPEM...), p.secretPEM...), "rubbish": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}),
	} {
		_, err := attest.ParsePrivateKey(text)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "secret")
	}
	for name, text := range map[string][]byte{"nothing": nil, "a private key": p.secretPEM, "rubbish": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}})} {
		_, err := attest.ParsePublicKey(text)
		require.Error(t, err, name)
	}
	_, err = attest.NewSigner(p.public, "")
	require.ErrorContains(t, err, "private key")
}

func FuzzCheck(f *testing.F) {
	p := ed25519Pair(f)
	v, data := verdict(f, nil)
	envelope, err := p.signer.Verdict(v, data)
	require.NoError(f, err)
	header, err := p.signer.SignVerdict(v, data)
	require.NoError(f, err)
	f.Add(envelope, header)
	f.Add(data, header)
	f.Add(p.sign(f, `{"_type":"x"}`), `{"payloadType":"x","signatures":[]}`)
	f.Fuzz(func(t *testing.T, text []byte, header string) {
		if found, err := attest.Check(text, p.public); err == nil {
			require.JSONEq(t, string(data), string(found.Data), "it is not what was signed")
		}
		if found, err := attest.CheckEvent(text, header, p.public); err == nil {
			require.Equal(t, string(data), string(found.Data))
		}
	})
}
