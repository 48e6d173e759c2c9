package main

import (
	"fmt"
	"os"

	"github.com/falcogate/falcogate/verifier/attest"
)

// signer is what signs verdicts; nil without --signing-key.
func (o *serveOptions) signer() (*attest.Signer, error) {
	if o.signingKey == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.signingKey)
	if err != nil {
		return nil, fmt.Errorf("--signing-key: %w", err)
	}
	key, err := attest.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("--signing-key: %s: %w", o.signingKey, err)
	}
	return attest.NewSigner(key, built.version)
}
