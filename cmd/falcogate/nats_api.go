package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/verifier/natsapi"
)

// natsAPIOptions are the flags of the API over NATS.
type natsAPIOptions struct {
	on     bool
	prefix string
	creds  string
}

func (o *natsAPIOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.on, "nats-api", false, "answer over NATS too, as the service falcogate")
	flags.StringVar(&o.prefix, "nats-api-prefix", natsapi.DefaultPrefix, "`subject` that requests over NATS begin with")
	flags.StringVar(&o.creds, "nats-api-creds", "", "NATS credentials `file` of a user that answers requests; empty means --nats-creds")
}

// check finds settings that contradict each other.
func (o *natsAPIOptions) check(s *serveOptions) error {
	switch {
	case o.creds != "" && (!o.on || s.natsURL == ""):
		return usagef("--nats-api-creds goes with --nats-api and --nats-url")
	case !o.on:
		return nil
	}
	if err := natsapi.CheckPrefix(o.prefix); err != nil {
		return usagef("--nats-api-prefix %w", err)
	}
	mode := s.access.resolved(s.listen)
	switch {
	case s.only == onlyConsumer:
		return usagef("--nats-api answers questions, which --only consumer leaves out")
	case s.natsURL == "" && s.natsListen == "":
		return usagef("--nats-api: nobody can reach the embedded NATS: give --nats-listen, or --nats-url for a NATS of your own")
	case s.natsURL == "" && mode != authNone:
		return usagef("--nats-api with --auth=%s needs --nats-url: all clients of the embedded NATS are one user, and each can read the answers to the others", mode)
	case mode == authMTLS:
		return usagef("--nats-api with --auth=mtls: a request over NATS has no certificate; use --auth=token or --auth=kubernetes")
	}
	return nil
}

// askPrefix is what outside clients of the embedded NATS may ask below; empty for
// nothing.
func (o *natsAPIOptions) askPrefix() string {
	if !o.on {
		return ""
	}
	return o.prefix
}

// startNATSAPI answers over NATS, as soon as that is there.
func (p *parts) startNATSAPI() {
	o := &p.o.natsAPI
	if !o.on {
		return
	}
	if p.o.access.resolved(p.o.listen) == authNone {
		p.logger.Warn("requests over NATS are answered without asking who sends them", "subjects", o.prefix+".>",
			"risk", "whoever may publish to these subjects can read alerts of all namespaces, and open, close and cancel gates")
	}
	p.background("API over NATS", func(ctx context.Context) error {
		log, err := p.log.wait(ctx)
		if err != nil {
			return nil // it was stopped before the log was there
		}
		conn, err := log.Connect("API", o.creds)
		if err != nil {
			return err
		}
		defer conn.Close()
		service, err := natsapi.Start(natsapi.Options{
			Conn: conn, Handler: p.api.Handler(), Prefix: o.prefix, Version: built.version, Logger: p.logger, Registerer: p.registry,
		})
		if err != nil {
			return err
		}
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.Background(), p.o.shutdownTimeout)
		defer cancel()
		if err := errors.Join(service.Stop(bounded), conn.FlushWithContext(bounded)); err != nil {
			return fmt.Errorf("stopping: %w", err)
		}
		return nil
	})
}
