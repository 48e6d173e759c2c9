package httpapi_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/attest"
	"github.com/falcogate/falcogate/verifier/client"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

// newSigner makes a key, and returns its public half too.
func newSigner(t *testing.T) (*attest.Signer, *attest.Key) {
	t.Helper()
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(secret)
	require.NoError(t, err)
	key, err := attest.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	require.NoError(t, err)
	signer, err := attest.NewSigner(key, "test")
	require.NoError(t, err)
	der, err = x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	half, err := attest.ParsePublicKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	require.NoError(t, err)
	return signer, half
}

const imageDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestAttestation(t *testing.T) {
	signer, key := newSigner(t)
	r := start(t, func(o *httpapi.Options) { o.Attestor = signer }, signer)
	c, err := client.New(r.base, r.http)
	require.NoError(t, err)
	for _, spec := range []string{
		`{"id":"a","namespace":"shadow-1","since":"10m","digest":"` + imageDigest + `"}`, `{"id":"b","namespace":"shadow-1","since":"10m"}`,
	} {
		res, body := r.post(t, "/v1/gates", spec)
		require.Equal(t, http.StatusCreated, res.StatusCode, body)
	}
	res, body := r.get(t, "/v1/gates/a/attestation")
	requireProblem(t, res, body, http.StatusConflict, "", "it is open")
	r.log.Append(clock, inPod("shadow-1", "web", 2*time.Minute, correlate.Critical))
	require.Eventually(t, func() bool { return len(r.log.Verdicts()) == 2 }, 10*time.Second, time.Millisecond)

	envelope, err := c.GateAttestation(t.Context(), "a", client.PredicateVerdict)
	require.NoError(t, err)
	found, err := attest.Check(envelope, key)
	require.NoError(t, err)
	require.Equal(t, "a", found.Verdict.Gate.ID)
	published := map[string]string{}
	for _, p := range r.log.Verdicts() {
		published[p.ID] = string(p.Data)
	}
	require.Equal(t, published[found.Verdict.ID], string(found.Data), "as it was published")
	again, err := c.VerdictAttestation(t.Context(), found.Verdict.ID, client.PredicateVerdict)
	require.NoError(t, err)
	require.Equal(t, string(envelope), string(again))

	res, body = r.get(t, "/v1/gates/a/attestation?predicate=vsa")
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Equal(t, attest.EnvelopeMediaType, res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	_, err = attest.Check([]byte(body), key)
	require.ErrorContains(t, err, "verification_summary", "a summary is no verdict")
	res, body = r.get(t, "/v1/gates/b/attestation?predicate=vsa")
	requireProblem(t, res, body, http.StatusConflict, "", "--digest")
	res, body = r.get(t, "/v1/gates/a/attestation?predicate=spdx")
	requireProblem(t, res, body, http.StatusBadRequest, "predicate", "want verdict or vsa")
	res, body = r.get(t, "/v1/verdicts/0123456789abcdef0123456789abcdef/attestation")
	requireProblem(t, res, body, http.StatusNotFound, "", "no verdict")

	// What somebody else has published is not signed for them, whatever they copy.
	real := r.log.Verdicts()[0]
	forged := strings.NewReplacer(real.ID, "0000000000000000000000000000000f", `"verdict":"fail","passed":false`, `"verdict":"pass","passed":true`).Replace(string(real.Data))
	require.NotEqual(t, string(real.Data), forged)
	for id, header := range map[string]map[string]string{"0000000000000000000000000000000f": nil, "0000000000000000000000000000000e": real.Header} {
		data := strings.Replace(forged, "0000000000000000000000000000000f", id, 1)
		_, _, err = r.log.PublishVerdict(t.Context(), "falcogate.verdict.shadow-1.pass", id, header, []byte(data))
		require.NoError(t, err)
		for _, predicate := range []string{"", "?predicate=vsa"} {
			res, body = r.get(t, "/v1/verdicts/"+id+"/attestation"+predicate)
			requireProblem(t, res, body, http.StatusConflict, "", "without a signature of this falcogate")
		}
	}
}

// An envelope holds the whole verdict: who would be withheld some of it gets none.
func TestAttestationWithholds(t *testing.T) {
	signer, _ := newSigner(t)
	g := startGuarded(t, "token", func(o *httpapi.Options) { o.Attestor = signer }, signer)
	fillLeaky(g.rig.log)
	res, body := g.as(t, bothAll, `POST /v1/gates {"id":"g","namespace":"shop","since":"2026-11-23T06:12:00Z","until":"2026-11-23T06:29:00Z","severity":"debug","baseline":{"namespace":"cart"},"digest":"`+imageDigest+`"}`)
	require.Equal(t, http.StatusCreated, res.StatusCode, body)
	require.Eventually(t, func() bool {
		_, body = g.as(t, getAll, "GET /v1/gates/g")
		return gate(t, body).Published
	}, 10*time.Second, time.Millisecond)
	v := gate(t, body).Verdict
	require.Equal(t, verifier.Fail, v.Verdict)
	for _, path := range []string{"GET /v1/gates/g/attestation", "GET /v1/verdicts/" + v.ID + "/attestation"} {
		res, body = g.as(t, getShop, path)
		require.Equal(t, http.StatusForbidden, res.StatusCode, body)
		require.NotContains(t, body, "payload")
		res, _ = g.as(t, getAll, path)
		require.Equal(t, http.StatusOK, res.StatusCode)
		res, body = g.as(t, getShop, path+"?predicate=vsa")
		require.Equal(t, http.StatusOK, res.StatusCode, body)
	}
}
