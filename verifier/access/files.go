package access

import (
	"context"

	"github.com/falcogate/falcogate/internal/bearer"
)

// tokens is the Guard of NewTokens.
type tokens struct{ current func() *File }

// NewTokens makes the Guard that knows callers by bearer tokens of an auth file.
// Current gives the file as it is now; a caller keeps for one request what they had
// when it began.
func NewTokens(current func() *File) Guard { return tokens{current} }

// Authenticate looks for the token among those of the file.
func (g tokens) Authenticate(_ context.Context, c Credentials) (Caller, error) {
	if c.Token == "" {
		return Caller{}, &UnauthenticatedError{Detail: noToken}
	}
	f := g.current()
	at := bearer.Find(f.digests, c.Token)
	if at < 0 {
		return Caller{}, &UnauthenticatedError{Detail: "the bearer token is none of those that are accepted here"}
	}
	holder := f.holders[at]
	return Caller{Identity{Username: holder.name}, holder.grants}, nil
}

// Allowed goes by what the file grants.
func (tokens) Allowed(_ context.Context, caller Caller, a Action) (bool, error) {
	return granted(caller.grants, a), nil
}

// Scheme is Bearer.
func (tokens) Scheme() Scheme { return Bearer }

// certificates is the Guard of NewCertificates.
type certificates struct{ current func() *File }

// NewCertificates makes the Guard that knows callers by their client certificates:
// the common name is the user, the organisations are the groups, and an auth file
// says what they may do. Whose certificates are good is the listener's to verify.
func NewCertificates(current func() *File) Guard { return certificates{current} }

// Authenticate accepts every verified certificate that names somebody.
func (g certificates) Authenticate(_ context.Context, c Credentials) (Caller, error) {
	if c.Certificate == nil {
		return Caller{}, &UnauthenticatedError{Detail: "want a client certificate (falcogate: --client-cert, --client-key), have none"}
	}
	id := Identity{Username: c.Certificate.Subject.CommonName, Groups: c.Certificate.Subject.Organization}
	if id.Username == "" {
		return Caller{}, &UnauthenticatedError{Detail: "want a client certificate whose common name says who it is, have one without"}
	}
	f := g.current()
	caller := Caller{Identity: id, grants: f.users[id.Username]}
	for _, group := range id.Groups {
		caller.grants = append(caller.grants[:len(caller.grants):len(caller.grants)], f.groups[group]...)
	}
	return caller, nil
}

// Allowed goes by what the file grants to the user and to each of the groups.
func (certificates) Allowed(_ context.Context, caller Caller, a Action) (bool, error) {
	return granted(caller.grants, a), nil
}

// Scheme is Certificate.
func (certificates) Scheme() Scheme { return Certificate }
