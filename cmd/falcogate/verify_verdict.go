package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/attest"
)

// maxEnvelope bounds what is read of an envelope or an event, in bytes.
const maxEnvelope = 8 << 20

// clockTolerance is how far another's clock may be ahead.
const clockTolerance = 5 * time.Minute

// verifyOptions say which verdict is wanted.
type verifyOptions struct {
	keys      []string
	header    string
	namespace string
	gate      string
	digest    string
	maxAge    time.Duration
	output    string
}

func (o *verifyOptions) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.keys, "key", nil, "`file` with a public key in PEM; one of several must have signed")
	flags.StringVar(&o.header, "dsse", "", "`value` of the header "+verifier.SignatureHeader+": FILE is then the data of the event")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "the verdict must be about this `namespace`")
	flags.StringVar(&o.gate, "gate", "", "the verdict must be of the gate with this `id`")
	flags.StringVar(&o.digest, "digest", "", "the verdict must be of this `digest`, such as sha256:…")
	durationFlag(flags, &o.maxAge, "max-age", 0, "how old the verdict may be; 0 for any age")
	choiceFlag(flags, &o.output, "output", "o", "text", []string{"text", "json", "jsonl"}, "how to write the verdict")
}

func newVerifyVerdictCommand(environ []string, streams stdio) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify-verdict --key PUBLIC-KEY FILE",
		Short: "Check the signature of a verdict; the exit code is the verdict's",
		Long: `Check that a verdict was signed by one of the keys and is the one that is wanted. FILE, or
- for the standard input, is an envelope as -o dsse writes it or, with --dsse, the data of
a verdict's event. No server is asked.

A signature says who gave the verdict and not what it is about: name the namespace, the
gate or the digest that you mean, or a verdict on something else will do.

Exit codes: 0 pass, 1 fail, 2 inconclusive, a signature that does not hold, or another
verdict than the one that is wanted, 3 wrong usage.`,
		Example: `  falcogate gate get deploy-7 -o dsse > verdict.dsse.json
  falcogate verify-verdict --key falcogate.pub --gate deploy-7 --digest sha256:… verdict.dsse.json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			keys, err := o.publicKeys()
			if err != nil {
				return err
			}
			data, err := readEnvelope(args[0], streams.in)
			if err != nil {
				return usagef("%w", err)
			}
			found, err := o.check(data, keys, time.Now())
			if err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			p := newPrinter(streams.out, o.output)
			if err := p.verdict(found.Verdict); err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			if o.output == "text" {
				fmt.Fprintf(streams.out, "  %-17s by key %s\n", "signed", found.KeyID)
			}
			return verdictCode(found.Verdict)
		},
	}
	o.register(cmd.Flags())
	return cmd
}

// publicKeys reads the keys that may have signed.
func (o *verifyOptions) publicKeys() (keys []*attest.Key, err error) {
	if len(o.keys) == 0 {
		return nil, usagef("--key is required: whose signature counts?")
	}
	for _, file := range o.keys {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, usagef("--key: %w", err)
		}
		key, err := attest.ParsePublicKey(text)
		if err != nil {
			return nil, usagef("--key: %s: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// readEnvelope reads a file, or the standard input for "-".
func readEnvelope(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxEnvelope+1))
	if err == nil && len(data) > maxEnvelope {
		err = fmt.Errorf("%s is larger than any verdict", name)
	}
	return data, err
}

// check finds the verdict that is signed, and holds it against what is wanted.
func (o *verifyOptions) check(data []byte, keys []*attest.Key, now time.Time) (*attest.Verified, error) {
	var found *attest.Verified
	var err error
	if o.header == "" {
		found, err = attest.Check(data, keys...)
	} else {
		found, err = attest.CheckEvent(data, o.header, keys...)
	}
	if err != nil {
		return nil, err
	}
	v := found.Verdict
	gate, digest := "", ""
	if v.Gate != nil {
		gate, digest = v.Gate.ID, v.Gate.Digest
	}
	for _, w := range []struct{ what, want, have string }{
		{"namespace", o.namespace, v.Namespace}, {"gate", o.gate, gate}, {"digest", o.digest, digest},
	} {
		if w.want != "" && w.want != w.have {
			return nil, fmt.Errorf("the verdict is signed, and another one: want %s %q, have %.200q", w.what, w.want, w.have)
		}
	}
	switch age := now.Sub(v.EvaluatedAt); {
	case o.maxAge > 0 && age < -clockTolerance:
		return nil, fmt.Errorf("the verdict is signed, and of the future: it is of %s, and it is %s here", when(v.EvaluatedAt), when(now))
	case o.maxAge > 0 && age > o.maxAge:
		return nil, fmt.Errorf("the verdict is signed, and too old: it is of %s, %s ago, and may be %s old", when(v.EvaluatedAt), age.Round(time.Second), o.maxAge)
	}
	return found, nil
}
