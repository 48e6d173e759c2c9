package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

// Key is a key pair, or the public half of one: Ed25519, or ECDSA over P-256 with
// SHA-256. It is a dsse.SignerVerifier, and may be used concurrently.
type Key struct {
	id     string
	public crypto.PublicKey
	secret crypto.Signer // nil in a public half
}

// errKeyForm says which keys there may be.
var errKeyForm = errors.New("want an Ed25519 or an ECDSA P-256 key")

// ParsePrivateKey reads a private key: PEM, PKCS #8, not encrypted. The error holds
// nothing of it.
func ParsePrivateKey(text []byte) (*Key, error) {
	block, err := onlyBlock(text, "PRIVATE KEY", "openssl genpkey -algorithm ed25519")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return nil, fmt.Errorf("%w in PKCS #8: it can't be parsed", errKeyForm)
	}
	secret, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w, have a %T", errKeyForm, parsed)
	}
	k, err := newKey(secret.Public())
	if err != nil {
		return nil, err
	}
	k.secret = secret
	return k, nil
}

// ParsePublicKey reads a public key: PEM, SubjectPublicKeyInfo.
func ParsePublicKey(text []byte) (*Key, error) {
	block, err := onlyBlock(text, "PUBLIC KEY", "openssl pkey -pubout")
	if err != nil {
		return nil, err
	}
	public, err := x509.ParsePKIXPublicKey(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errKeyForm, err)
	}
	return newKey(public)
}

// onlyBlock is the one PEM block of a file.
func onlyBlock(text []byte, want, how string) ([]byte, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, fmt.Errorf("want a PEM block %q, as %s writes it, have none", want, how)
	case block.Type != want:
		return nil, fmt.Errorf("want a PEM block %q, as %s writes it, have %.40q", want, how, block.Type)
	case len(block.Headers) > 0:
		return nil, errors.New("want a key that is not encrypted")
	}
	if another, _ := pem.Decode(rest); another != nil {
		return nil, errors.New("want one key in the file, have more")
	}
	return block.Bytes, nil
}

func newKey(public crypto.PublicKey) (*Key, error) {
	switch key := public.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w, have ECDSA over %s", errKeyForm, key.Curve.Params().Name)
		}
	default:
		return nil, fmt.Errorf("%w, have a %T", errKeyForm, public)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errKeyForm, err)
	}
	sum := sha256.Sum256(der)
	return &Key{id: "sha256:" + hex.EncodeToString(sum[:]), public: public}, nil
}

// ID names the key: "sha256:" and the SHA-256 of its SubjectPublicKeyInfo in DER, as
// hexadecimal digits.
func (k *Key) ID() string { return k.id }

// KeyID is ID. It implements dsse.SignerVerifier.
func (k *Key) KeyID() (string, error) { return k.id, nil }

// Public implements dsse.SignerVerifier.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Sign implements dsse.SignerVerifier: the raw signature of Ed25519, or ECDSA's in ASN.1.
func (k *Key) Sign(_ context.Context, data []byte) ([]byte, error) {
	if k.secret == nil {
		return nil, errors.New("a public key signs nothing")
	}
	if _, ok := k.public.(ed25519.PublicKey); ok {
		return k.secret.Sign(nil, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return k.secret.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// Verify implements dsse.SignerVerifier.
func (k *Key) Verify(_ context.Context, data, signature []byte) error {
	ok := false
	switch key := k.public.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, data, signature)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(data)
		ok = ecdsa.VerifyASN1(key, sum[:], signature)
	}
	if !ok {
		return fmt.Errorf("it is not of key %s", k.id)
	}
	return nil
}
