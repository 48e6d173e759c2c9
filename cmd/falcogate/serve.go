package main

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/verifier"
)

// Halves of the daemon for --only.
const (
	onlyBoth     = "both"
	onlyConsumer = "consumer"
	onlyVerifier = "verifier"
)

// serveOptions are all flags of serve.
type serveOptions struct {
	config      string
	printConfig bool

	only            string
	dataDir         string
	logLevel        slog.Level
	logFormat       string
	shutdownTimeout time.Duration

	listen          string
	tlsCert, tlsKey string
	access          accessOptions

	ingestListen    string
	ingestTLS       tlsFiles
	ingestBodyLimit int64
	senders         sendersOptions

	falco         []string
	falcoTLS      tlsFiles
	falcoInterval time.Duration
	kubernetes    kubernetesOptions

	natsURL      string
	natsCreds    string
	natsTLS      tlsFiles
	natsReplicas int
	natsListen   string
	natsAPI      natsAPIOptions
	autoGates    autoGateOptions
	syncInterval time.Duration
	syncAlways   bool

	retention      time.Duration
	retentionBytes int64
	indexMaxBytes  int64
	maxGates       int
	gateRetention  time.Duration
	signingKey     string

	watch      placementOptions
	policy     policyOptions
	sensors    []string
	placements string
}

func (o *serveOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.config, "config", "", "YAML `file` whose keys are these flags")
	flags.BoolVar(&o.printConfig, "print-config", false, "print the effective configuration as YAML and exit")

	choiceFlag(flags, &o.only, "only", "", onlyBoth, []string{onlyBoth, onlyConsumer, onlyVerifier}, "run one half, where the other runs elsewhere on the same --nats-url")
	flags.StringVar(&o.dataDir, "data-dir", "falcogate-data", "`directory` of the embedded event log")
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "least `level` to log: DEBUG, INFO, WARN, ERROR")
	choiceFlag(flags, &o.logFormat, "log-format", "", "auto", []string{"auto", "text", "json"}, "auto is text on a terminal, else json")
	durationFlag(flags, &o.shutdownTimeout, "shutdown-timeout", 10*time.Second, "bound on each step of stopping")

	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` of the API, health and metrics")
	flags.StringVar(&o.tlsCert, "tls-cert", "", "certificate `file` of the API; empty serves plain HTTP")
	flags.StringVar(&o.tlsKey, "tls-key", "", "key `file` of the API")
	o.access.register(flags)

	flags.StringVar(&o.ingestListen, "ingest-listen", "127.0.0.1:2801", "`address` for Falco's HTTP output; empty for none")
	flags.StringVar(&o.ingestTLS.cert, "ingest-tls-cert", "", "certificate `file` for Falco's HTTP output")
	flags.StringVar(&o.ingestTLS.key, "ingest-tls-key", "", "key `file` for Falco's HTTP output")
	flags.StringVar(&o.ingestTLS.ca, "ingest-client-ca", "", "CA `file`; when set, senders must show a certificate of it")
	bytesFlag(flags, &o.ingestBodyLimit, "ingest-body-limit", 1<<20, "largest alert taken by HTTP")
	o.senders.register(flags)

	flags.StringArrayVar(&o.falco, "falco", nil, "gRPC output of a Falco up to 0.43, `unix:///path` or host:port; repeatable")
	flags.StringVar(&o.falcoTLS.ca, "falco-ca", "", "CA `file` of Falco's gRPC servers at host:port")
	flags.StringVar(&o.falcoTLS.cert, "falco-cert", "", "client certificate `file` for Falco's gRPC servers")
	flags.StringVar(&o.falcoTLS.key, "falco-key", "", "client key `file` for Falco's gRPC servers")
	durationFlag(flags, &o.falcoInterval, "falco-interval", 50*time.Millisecond, "interval of the requests to Falco; it is the delivery latency")
	o.kubernetes.register(flags)

	flags.StringVar(&o.natsURL, "nats-url", "", "`URL` of a NATS with JetStream; empty runs one in process")
	flags.StringVar(&o.natsCreds, "nats-creds", "", "NATS credentials `file`")
	flags.StringVar(&o.natsTLS.ca, "nats-ca", "", "CA `file` of the NATS server")
	flags.StringVar(&o.natsTLS.cert, "nats-cert", "", "client certificate `file` for NATS")
	flags.StringVar(&o.natsTLS.key, "nats-key", "", "client key `file` for NATS")
	flags.IntVar(&o.natsReplicas, "nats-replicas", 1, "`replicas` of the streams at --nats-url")
	flags.StringVar(&o.natsListen, "nats-listen", "", "`address` at which the embedded NATS lets others read verdicts; empty for none")
	o.natsAPI.register(flags)
	o.autoGates.register(flags)
	durationFlag(flags, &o.syncInterval, "sync-interval", time.Second, "how often the embedded log syncs to disk")
	flags.BoolVar(&o.syncAlways, "sync-always", false, "sync the embedded log before each acknowledgement")

	durationFlag(flags, &o.retention, "retention", 24*time.Hour, "how long alerts are kept")
	bytesFlag(flags, &o.retentionBytes, "retention-bytes", 10<<30, "bound on the event log on disk")
	bytesFlag(flags, &o.indexMaxBytes, "index-max-bytes", 1<<30, "bound on the index in memory")
	flags.IntVar(&o.maxGates, "max-gates", verifier.DefaultMaxGates, "gates that may be open at once, and that are kept when they are over")
	durationFlag(flags, &o.gateRetention, "gate-retention", verifier.DefaultGateRetention, "how long gates that are over are kept, and alerts that come late contradict a pass")

	flags.StringVar(&o.signingKey, "signing-key", "", "private key `file` (PEM, PKCS #8: Ed25519 or ECDSA P-256) that signs published verdicts")

	o.watch.register(flags)
	o.policy.register(flags, false)
	flags.StringArrayVar(&o.sensors, "sensor", nil, "`hostname` of a Falco that must prove silence; repeatable; none means those of the nodes where pods ran, or all that are heard")
	choiceFlag(flags, &o.placements, "placements", "", string(verifier.PlacementsAuto),
		[]string{string(verifier.PlacementsAuto), string(verifier.PlacementsRequired), string(verifier.PlacementsIgnored)},
		"whether a pass needs to know where pods ran; auto: once the event log tells")
}

// check finds settings that contradict each other.
func (o *serveOptions) check() error {
	switch {
	case o.only != onlyBoth && o.natsURL == "":
		return usagef("--only %s needs --nats-url: an embedded event log can't be shared with the other half", o.only)
	case o.natsURL != "" && o.natsListen != "":
		return usagef("--nats-listen is for the embedded NATS; with --nats-url, clients use that server")
	case o.only == onlyVerifier && len(o.falco) > 0:
		return usagef("--falco is the consumer's, which --only verifier leaves out")
	case o.ingestTLS.ca != "" && o.ingestTLS.cert == "":
		return usagef("--ingest-client-ca needs --ingest-tls-cert and --ingest-tls-key")
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return usagef("--tls-cert and --tls-key go together")
	case o.retention < time.Minute:
		return usagef("--retention is %s, want a minute or more", o.retention)
	case o.maxGates < 1:
		return usagef("--max-gates is %d, want 1 or more", o.maxGates)
	case o.signingKey != "" && o.only == onlyConsumer:
		return usagef("--signing-key is the verifier's, which --only consumer leaves out")
	case o.gateRetention <= 0 || o.gateRetention > verifier.MaxGateRetention:
		return usagef("--gate-retention is %s, want more than 0 and at most %s", o.gateRetention, verifier.MaxGateRetention)
	case o.falcoInterval < time.Millisecond:
		return usagef("--falco-interval is %s, want 1ms or more", o.falcoInterval)
	}
	if _, err := o.policy.policy(); err != nil {
		return err
	}
	if err := o.watch.check(o); err != nil {
		return err
	}
	if err := o.kubernetes.check(o.only, o.falco, o.falcoTLS); err != nil {
		return err
	}
	if slices.Contains(o.sensors, "") {
		return usagef("--sensor is empty: give a hostname or leave it out")
	}
	for name, files := range map[string]tlsFiles{"ingest-tls": o.ingestTLS, "falco": o.falcoTLS, "nats": o.natsTLS} {
		if (files.cert == "") != (files.key == "") {
			return usagef("--%s-cert and --%s-key go together", name, name)
		}
	}
	seen := map[string]bool{}
	for _, target := range o.falco {
		if seen[target] {
			return usagef("--falco %s is given twice: each alert goes to one reader only, so two would split the stream", target)
		}
		seen[target] = true
	}
	for flag, address := range map[string]string{"listen": o.listen, "ingest-listen": o.ingestListen, "nats-listen": o.natsListen} {
		if address == "" && flag != "listen" {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return usagef("--%s %q: want host:port: %w", flag, address, err)
		}
	}
	if o.only != onlyVerifier {
		if err := o.senders.check(o.ingestListen, o.ingestTLS.ca); err != nil {
			return err
		}
	}
	if err := o.natsAPI.check(o); err != nil {
		return err
	}
	if err := o.autoGates.check(o); err != nil {
		return err
	}
	return o.access.check(o.listen, o.tlsCert)
}

func newServeCommand(environ []string, streams stdio) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon: take in alerts, keep them, answer gates",
		Example: `  falcogate serve --data-dir /var/lib/falcogate
  falcogate serve --falco unix:///run/falco/falco.sock --sensor node-a
  falcogate serve --config /etc/falcogate.yaml --print-config`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := configure(cmd, environ, o.config); err != nil {
				return err
			}
			if o.printConfig {
				out, err := printConfig(cmd.Flags())
				if err != nil {
					return fmt.Errorf("print configuration: %w", err)
				}
				_, err = streams.out.Write(out)
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			logger := newLogger(streams.err, o.logFormat, o.logLevel)
			if err := serve(cmd.Context(), &o, logger); err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			return nil
		},
	}
	o.register(cmd.Flags())
	return cmd
}
