// Package parameter has the words of the interface that its two ends share: the names
// of parameters, the values that are words, and how times and durations are written.
// The server reads them with it, the client and the command line write and check them.
//
// What a parameter means, and which route knows it, is for verifier/httpapi to say. The
// package imports the standard library alone.
package parameter
