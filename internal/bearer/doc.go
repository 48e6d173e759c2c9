// Package bearer is what both listeners have in common about bearer tokens
// (RFC 6750): how one is taken from a header, what one looks like, and how one is
// compared. Nothing else belongs here: what a token is good for is the listeners'
// to say.
//
// It imports the standard library alone. All functions may be called concurrently.
package bearer
