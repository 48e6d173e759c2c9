package main

import (
	"github.com/falcogate/falcogate/internal/listen"
)

// warnIfOpen warns of a listener beyond loopback that does not ask who calls.
func (p *parts) warnIfOpen(name, address, risk string) {
	if !listen.Loopback(address) {
		p.logger.Warn("a listener is open beyond this machine and asks nobody who they are", "listener", name, "address", address, "risk", risk)
	}
}

// warnIfPlain warns of a listener beyond loopback to which tokens come in clear.
func (p *parts) warnIfPlain(name, address string) {
	if !listen.Loopback(address) {
		p.logger.Warn("tokens reach a listener without TLS: whoever can read the traffic can use them, unless a proxy or a mesh encrypts it",
			"listener", name, "address", address)
	}
}
