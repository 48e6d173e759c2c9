package main

import (
	"fmt"
	"time"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/consumer/falcogrpc"
	"github.com/falcogate/falcogate/consumer/falcohttp"
)

// startConsumer starts the readers of gRPC outputs and the listener for HTTP
// outputs, and returns the listener's address, empty when there is none.
func (p *parts) startConsumer() (string, error) {
	intake, err := consumer.NewIntake(consumer.IntakeOptions{
		Log: p.log, Logger: p.logger, Registerer: p.registry,
		// A snapshot must not outlive the ruleset that it cites.
		RulesetInterval: min(time.Hour, p.o.retention/4),
	})
	if err != nil {
		return "", err
	}
	if err := p.startReaders(intake); err != nil {
		return "", err
	}
	if err := p.startPlacements(); err != nil {
		return "", err
	}
	if p.o.ingestListen == "" {
		return "", nil
	}
	options := falcohttp.Options{
		Listen: p.o.ingestListen, Intake: intake, BodyLimit: p.o.ingestBodyLimit, Logger: p.logger, Registerer: p.registry,
	}
	if err := p.senders(&options); err != nil {
		return "", err
	}
	server, err := falcohttp.NewServer(options)
	if err != nil {
		return "", err
	}
	if err := server.Start(); err != nil {
		return "", err
	}
	p.lifecycle.onStop("ingest", p.o.shutdownTimeout, server.Shutdown)
	go func() {
		<-server.Done()
		if err := server.Err(); err != nil {
			p.fail(err)
		}
	}()
	address := server.Addr().String()
	switch {
	case p.o.senders.open:
		p.warnIfOpen("ingest", address, "whoever reaches it can forge alerts and heartbeats; see --ingest-client-ca")
	case options.Tokens != nil && options.TLS == nil:
		p.warnIfPlain("ingest", address)
	}
	return address, nil
}

// startReaders starts one reader for each Falco, and finding more of them.
func (p *parts) startReaders(intake *consumer.Intake) error {
	config, err := p.o.falcoTLS.client()
	if err != nil {
		return fmt.Errorf("falco: %w", err)
	}
	options := falcogrpc.ReaderOptions{
		TLS: config, RequestInterval: p.o.falcoInterval, Intake: intake, Log: p.log, Logger: p.logger, Registerer: p.registry,
	}
	for _, target := range p.o.falco {
		options.Target = target
		reader, err := falcogrpc.NewReader(options)
		if err != nil {
			return err
		}
		p.background("reader of "+target, reader.Run)
	}
	if p.o.kubernetes.falcoDiscover == "" {
		return nil
	}
	return p.startDiscovery(options)
}
