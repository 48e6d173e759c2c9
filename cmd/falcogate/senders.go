package main

import (
	"crypto/tls"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/consumer/falcohttp"
	"github.com/falcogate/falcogate/internal/listen"
	"github.com/falcogate/falcogate/internal/livefile"
)

// sendersOptions say who may feed the ingest listener, besides its client CA.
type sendersOptions struct {
	tokenFile string
	open      bool
}

func (o *sendersOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.tokenFile, "ingest-token-file", "", "`file` of bearer tokens, one a line; when set, senders must show one, or a certificate of --ingest-client-ca; read again when it changes")
	flags.BoolVar(&o.open, "ingest-open", false, "take alerts from whoever reaches --ingest-listen, also beyond this machine")
}

// check finds a listener that anybody could feed without its being said.
func (o *sendersOptions) check(address, clientCA string) error {
	asked := clientCA != "" || o.tokenFile != ""
	switch {
	case o.open && asked:
		return usagef("--ingest-open goes with neither --ingest-client-ca nor --ingest-token-file: with it nobody is asked for anything")
	case address == "" || listen.Loopback(address) || asked || o.open:
		return nil
	}
	return usagef("--ingest-listen %s can be reached from beyond this machine, and whoever reaches it could forge alerts and heartbeats: "+
		"give --ingest-client-ca (Falco: http_output.mtls), or --ingest-token-file for senders that can send a header, or say --ingest-open", address)
}

// senders completes the options of the ingest listener with who may send.
func (p *parts) senders(o *falcohttp.Options) error {
	config, err := p.o.ingestTLS.server()
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	o.TLS, o.Open = config, p.o.senders.open
	if p.o.senders.tokenFile == "" {
		return nil
	}
	file, err := livefile.Open(p.o.senders.tokenFile, falcohttp.ParseTokens, p.files.told("ingest-token-file"))
	if err != nil {
		return fmt.Errorf("--ingest-token-file: %w", err)
	}
	o.Tokens = file.Current
	if p.o.ingestTLS.ca != "" {
		config.ClientAuth = tls.VerifyClientCertIfGiven // a token will do
	}
	return nil
}
