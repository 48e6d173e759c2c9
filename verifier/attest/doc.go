// Package attest signs verdicts, so that who holds one later can tell that a falcogate
// gave it, and that nobody has changed it since.
//
// It owns the in-toto statement about a verdict, the verification summary (VSA) made of
// one, their DSSE envelopes, the keys, and how they are checked. Envelopes themselves are
// go-securesystemslib's. It may import verifier and that library.
//
// The caller reads key files, and says to whom an envelope may be shown: it holds the
// whole verdict. docs/signing.md says what a signature proves.
package attest
