package main

import (
	"context"
	"fmt"
	"io"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// Outputs that are for people, that are envelopes which the server signs, and that
// delivery systems read.
const (
	outputText   = "text"
	outputDSSE   = "dsse"
	outputVSA    = "vsa"
	outputJUnit  = "junit"
	outputGitHub = "github"
	outputAegis  = "aegis"
)

// predicate is what an envelope is to hold; it is empty for other outputs.
func (o *serverOptions) predicate() string {
	switch o.output {
	case outputDSSE:
		return client.PredicateVerdict
	case outputVSA:
		return client.PredicateVSA
	}
	return ""
}

// writeGate writes a gate as the output wants it, or the envelope of its verdict.
func (o *serverOptions) writeGate(ctx context.Context, c *client.Client, out io.Writer, gate *verifier.Gate) error {
	return o.deliver(out, resultOfGate(gate), func() error {
		if o.predicate() == "" {
			return newPrinter(out, o.output).gate(gate)
		}
		return o.writeEnvelope(out, func(predicate string) ([]byte, error) { return c.GateAttestation(ctx, gate.ID, predicate) })
	})
}

// writeVerdict writes a verdict that a gate has, or that was published.
func (o *serverOptions) writeVerdict(ctx context.Context, c *client.Client, out io.Writer, v *verifier.Verdict) error {
	return o.deliver(out, resultOf(v), func() error {
		if o.predicate() == "" {
			return newPrinter(out, o.output).verdict(v)
		}
		return o.writeEnvelope(out, func(predicate string) ([]byte, error) {
			if v.Gate != nil {
				return c.GateAttestation(ctx, v.Gate.ID, predicate)
			}
			return c.VerdictAttestation(ctx, v.ID, predicate)
		})
	})
}

func (o *serverOptions) writeEnvelope(out io.Writer, ask func(predicate string) ([]byte, error)) error {
	envelope, err := ask(o.predicate())
	if err != nil {
		return fmt.Errorf("the verdict is not attested: %w", o.asked(err))
	}
	_, err = out.Write(envelope)
	return err
}
