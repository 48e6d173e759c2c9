package access

import (
	"context"
	"crypto/x509"
	"errors"
)

// Guard finds out who calls, and what they may do.
type Guard interface {
	// Authenticate says who calls. The error is an *UnauthenticatedError when the
	// credentials are none that are accepted, and wraps ErrUnavailable when that
	// could not be found out. It may block for as long as ctx lets it.
	Authenticate(ctx context.Context, c Credentials) (Caller, error)
	// Allowed reports whether a caller, as Authenticate returned them, may do
	// something. The error wraps ErrUnavailable; then the answer is not known. It
	// may block for as long as ctx lets it.
	Allowed(ctx context.Context, caller Caller, a Action) (bool, error)
	// Scheme is what callers prove with who they are, for WWW-Authenticate; empty
	// when they need not.
	Scheme() Scheme
}

// Scheme names what callers prove with who they are.
type Scheme string

// Schemes. HTTP has none of its own for client certificates.
const (
	Bearer      Scheme = "Bearer"
	Certificate Scheme = "Certificate"
)

// Credentials are what a request carries. Each may be missing.
type Credentials struct {
	Token string // bearer token, of the form that bearer.Valid wants
	// Certificate is the client certificate; it was verified.
	Certificate *x509.Certificate
}

// Identity is who a caller is, in Kubernetes' words.
type Identity struct {
	Username string
	UID      string
	Groups   []string
	Extra    map[string][]string
}

// Caller is somebody whose credentials were accepted. Only the Guard that made it
// can tell what they may do.
type Caller struct {
	Identity
	grants []*grant
}

// ErrUnavailable is what a Guard's errors wrap when it could not be found out who
// calls or what they may do.
var ErrUnavailable = errors.New("who may ask can't be found out at present")

// UnauthenticatedError says why credentials were not accepted.
type UnauthenticatedError struct {
	Detail string // for the caller; holds no secret
	Cause  error  // for the log; nil when the detail says it all
}

// Error is the detail.
func (e *UnauthenticatedError) Error() string { return e.Detail }

// Unwrap is the cause.
func (e *UnauthenticatedError) Unwrap() error { return e.Cause }

// Open is the Guard that asks nobody: whoever reaches the listener may do
// everything.
type Open struct{}

// Authenticate accepts everybody.
func (Open) Authenticate(context.Context, Credentials) (Caller, error) {
	return Caller{Identity: Identity{Username: "anybody"}}, nil
}

// Allowed allows everything.
func (Open) Allowed(context.Context, Caller, Action) (bool, error) { return true, nil }

// Scheme is empty: nobody is asked.
func (Open) Scheme() Scheme { return "" }

// noToken is what Guards say that go by tokens.
const noToken = "want a bearer token in the Authorization header (falcogate: --token-file), have none"
