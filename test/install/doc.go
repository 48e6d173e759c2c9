// Package install renders falcogate's chart by a real helm, and holds what comes out against
// the real program. It is a test module of its own: nothing imports it, and it imports
// nothing of falcogate, which it runs as a process.
package install
