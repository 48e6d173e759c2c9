package kube

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
	"unicode"
)

// RefusedError means that the API server was asked about a token and does not
// accept it.
type RefusedError struct {
	// Reason says why, as far as the API server tells. It never holds the token.
	Reason string
}

func (e *RefusedError) Error() string { return "kubernetes: the token is refused: " + e.Reason }

const (
	// maxReason is in bytes.
	maxReason = 400
	// leastSecret is the length of the shortest part of a token that is removed
	// from a text. Shorter ones, which a token of letters may hold, tell nothing.
	leastSecret = 8
)

// withoutToken is a text of the API server, which others write their messages
// into, as one line of bounded length without the token or a part of it.
func withoutToken(text, token string) string {
	text = strings.ReplaceAll(text, token, "…")
	for part := range strings.SplitSeq(token, ".") {
		if len(part) >= leastSecret {
			text = strings.ReplaceAll(text, part, "…")
		}
	}
	if len(text) > maxReason {
		text = text[:maxReason] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, ""))
}

// expiryOf reads when a JSON Web Token expires. Nothing is verified: it serves
// only to keep an answer for a shorter time. It returns false for any other token
// and for one that does not say.
func expiryOf(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Expiry *float64 `json:"exp"` // in seconds; RFC 7519 allows fractions
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Expiry == nil {
		return time.Time{}, false
	}
	// Beyond these a number is no date; an answer is not kept for years anyway.
	const farthest = 1 << 40
	seconds := max(min(*claims.Expiry, farthest), 0)
	return time.Unix(int64(seconds), 0), true
}
