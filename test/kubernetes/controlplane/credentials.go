package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/util/keyutil"
)

// credentials are the files that the servers read at their start, and what the
// callers of the API server show it.
type credentials struct {
	authority *authority
	admin     identity
	// tokenKey signs the tokens of service accounts.
	tokenKey *ecdsa.PrivateKey

	authorityFile                    string
	servingFile, servingKeyFile      string
	tokenKeyFile, tokenPublicKeyFile string
}

// newCredentials makes all keys and certificates, and writes those files to dir.
func newCredentials(dir, address string) (*credentials, error) {
	authority, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	admin, err := authority.client("admin", "system:masters")
	if err != nil {
		return nil, err
	}
	serving, err := authority.server(address)
	if err != nil {
		return nil, err
	}
	tokenKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tokenKeyPEM, err := keyutil.MarshalPrivateKeyToPEM(tokenKey)
	if err != nil {
		return nil, err
	}
	tokenPublicKey, err := x509.MarshalPKIXPublicKey(tokenKey.Public())
	if err != nil {
		return nil, err
	}
	c := &credentials{authority: authority, admin: admin, tokenKey: tokenKey}
	for _, file := range []struct {
		path *string
		name string
		pem  []byte
	}{
		{&c.authorityFile, "ca.crt", authority.pem},
		{&c.servingFile, "serving.crt", serving.certificate},
		{&c.servingKeyFile, "serving.key", serving.key},
		{&c.tokenKeyFile, "service-accounts.key", tokenKeyPEM},
		{&c.tokenPublicKeyFile, "service-accounts.pub", pem.EncodeToMemory(&pem.Block{Type: keyutil.PublicKeyBlockType, Bytes: tokenPublicKey})},
	} {
		*file.path = filepath.Join(dir, file.name)
		if err := os.WriteFile(*file.path, file.pem, 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}
