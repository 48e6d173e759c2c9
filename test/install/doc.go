// Package install renders falcogate's chart by a real helm, and holds what comes out against the
// real program, which it runs as a process. It is a test module of its own: nothing imports
// it.
package install
