// Package daemon runs a real falcogate for the tests of its clients, with a recorded
// Falco that plays as it did.
//
// It owns the program, which Main builds once for a test process, and the processes that
// Start and Play start: they end with the test that has started them. It may import
// nothing of falcogate's: it knows what a user knows, the command line and the address
// that serve writes.
//
// A test package calls Main in its TestMain.
package daemon
