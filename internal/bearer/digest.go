package bearer

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
)

// Digest is the SHA-256 of a token: what is kept of one, and what is compared.
type Digest [sha256.Size]byte

// DigestOf is the digest of a token.
func DigestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

// ParseDigest reads 64 hexadecimal digits, as sha256sum writes them. The error
// holds nothing of what came: it may be the token itself.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != hex.EncodedLen(len(d)) {
		return d, errDigest
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, errDigest
	}
	return d, nil
}

var errDigest = errors.New("want 64 hexadecimal digits, as printf %s \"$TOKEN\" | sha256sum writes them")

// Find is the place of the token in the list, or -1. How long it takes depends on
// the length of the list alone, and not on how much of a token is right.
func Find(list []Digest, token string) int {
	have, at := DigestOf(token), -1
	for i := range list {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(list[i][:], have[:]), i, at)
	}
	return at
}
