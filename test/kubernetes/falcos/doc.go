// Package falcos tests how falcogate finds Falcos in a cluster and reads each of
// them once: the real program, a real API server, and servers that speak Falco's
// outputs API over mutual TLS, each on the address of its pod in a network
// namespace of the tests' own.
package falcos
