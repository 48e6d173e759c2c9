package main

import (
	"context"
	"os"
	"time"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

func (p *parts) startVerifier() error {
	policy, err := p.o.policy.policy()
	if err != nil {
		return err
	}
	tail := verifier.NewTail(verifier.TailOptions{
		Log:    p.log,
		Limits: correlate.Limits{Retention: p.o.retention, MaxBytes: p.o.indexMaxBytes},
		Logger: p.logger, Registerer: p.registry,
	})
	instance, err := os.Hostname()
	if err != nil {
		instance = "" // the service has a name for that
	}
	signer, err := p.o.signer()
	if err != nil {
		return err
	}
	options := verifier.ServiceOptions{
		Log: p.log, Tail: tail, Subject: eventlog.VerdictSubject, Instance: instance, Logger: p.logger, Registerer: p.registry,
		Policy: policy, Sensors: p.o.sensors, Placements: verifier.Placements(p.o.placements),
	}
	if signer != nil {
		options.Signer, p.signer = signer, signer
	}
	p.service = verifier.NewService(options)
	p.gates = verifier.NewGates(verifier.GatesOptions{
		Service: p.service, Store: gateStore{p.log}, MaxOpen: p.o.maxGates, Retention: p.o.gateRetention, Logger: p.logger, Registerer: p.registry,
	})
	p.background("tail", tail.Run)
	p.background("gates", p.gates.Run)
	return p.startAutoGates()
}

// ready says what is missing for answers to be had.
func (p *parts) ready() error {
	if err := p.log.health(); err != nil {
		return err
	}
	if p.service == nil {
		return nil
	}
	return p.service.Ready()
}

func (p *parts) startAPI(ctx context.Context) error {
	config, err := p.o.apiTLS()
	if err != nil {
		return err
	}
	guard, err := p.guard()
	if err != nil {
		return err
	}
	options := httpapi.Options{
		Listen: p.o.listen, TLS: config, Guard: guard, Ready: p.ready, Gatherer: p.registry, Registerer: p.registry, Logger: p.logger,
	}
	if p.service != nil {
		options.Service, options.Gates = p.service, p.gates
		options.Rollouts = verifier.NewRollouts(rolloutStore{p.log}, nil)
		if p.signer != nil {
			options.Attestor = p.signer
		}
	}
	p.api = httpapi.NewServer(options)
	if err := p.api.Start(ctx); err != nil {
		return err
	}
	if mode := p.o.access.resolved(p.o.listen); mode == authNone {
		p.warnIfOpen("API", p.api.Addr(), "whoever reaches it can read alerts of all namespaces")
	} else if config == nil {
		p.warnIfPlain("API", p.api.Addr())
	}
	p.lifecycle.onStop("API", p.o.shutdownTimeout, p.api.Shutdown)
	go func() {
		if err := p.api.Wait(); err != nil {
			p.fail(err)
		}
	}()
	p.lifecycle.onStop("readiness", time.Second, func(context.Context) error {
		p.api.Drain()
		if p.service != nil {
			p.service.Release()
		}
		return nil
	})
	return nil
}
