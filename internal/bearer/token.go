package bearer

import (
	"errors"
	"strings"
)

// Bounds of a token, in bytes. A Kubernetes service account token has about 1 kB,
// one of an identity provider a few.
const (
	MaxToken = 16 << 10
	// MinSecret is the least that a token which somebody chose must have. Shorter
	// ones can be guessed.
	MinSecret = 16
)

// Errors of FromHeader. They hold nothing of what came.
var (
	// ErrNone: there is no Authorization header.
	ErrNone = errors.New("there is no Authorization header")
	// ErrMalformed: there is one, and it holds no bearer token, or there are several.
	ErrMalformed = errors.New("want one Authorization header of the form: Bearer TOKEN")
)

// FromHeader is the token in the values of an Authorization header. The error is
// ErrNone or ErrMalformed.
func FromHeader(values []string) (string, error) {
	if len(values) == 0 {
		return "", ErrNone
	}
	scheme, token, found := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if len(values) > 1 || !found || !strings.EqualFold(scheme, "Bearer") || !Valid(token) {
		return "", ErrMalformed
	}
	return token, nil
}

// Valid reports whether a token can stand in a header: letters, digits and
// -._~+/ with any number of = behind them, at most MaxToken bytes.
func Valid(token string) bool {
	body := strings.TrimRight(token, "=")
	if body == "" || len(token) > MaxToken {
		return false
	}
	for i := range len(body) {
		switch c := body[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return true
}
