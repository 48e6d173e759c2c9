package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier/client"
)

// serverOptions say which falcogate to ask.
type serverOptions struct {
	url     string
	tls     tlsFiles
	timeout time.Duration
	output  string
	attests bool // there is a verdict that can be had signed
	decides bool // the exit code is a verdict, which may be reported too

	environ   []string // where GitHub names its files
	resultDir string
	delivered bool // an answer was written, or could not be

	tokenFile string
	token     tokenSource // set by client
}

func (o *serverOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.url, "server", "http://127.0.0.1:8080", "`URL` of falcogate's API")
	flags.StringVar(&o.tls.ca, "server-ca", "", "CA `file` of an https server")
	flags.StringVar(&o.tls.cert, "client-cert", "", "own certificate `file`, for a server with --auth=mtls")
	flags.StringVar(&o.tls.key, "client-key", "", "own key `file`")
	flags.StringVar(&o.tokenFile, "token-file", "", "`file` with the bearer token to send; in a pod that of its service account is found by itself")
	durationFlag(flags, &o.timeout, "timeout", client.DefaultTimeout, "how long to wait for the answer")
	formats := []string{outputText, "json", "jsonl"}
	if o.attests {
		formats = append(formats, outputDSSE, outputVSA)
	}
	if o.decides {
		formats = append(formats, outputJUnit, outputGitHub, outputAegis)
		flags.StringVar(&o.resultDir, "result-dir", "", "also write the results verdict, reason, message and alert-count to this `directory`, a file each, as Tekton reads them")
	}
	choiceFlag(flags, &o.output, "output", "o", outputText, formats, "how to write the answer")
}

// client makes the client and what closes its connections.
func (o *serverOptions) client() (*client.Client, func(), error) {
	if (o.tls.cert == "") != (o.tls.key == "") {
		return nil, nil, usagef("--client-cert and --client-key go together")
	}
	config, err := o.tls.client()
	if err != nil {
		return nil, nil, usagef("--server-ca, --client-cert, --client-key: %w", err)
	}
	o.token = o.tokenSource()
	if o.tokenFile != "" {
		if _, err := o.token.read(); err != nil {
			return nil, nil, usagef("--token-file: %w", err)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	c, err := client.New(o.url, &http.Client{Transport: transport, Timeout: o.timeout})
	if err != nil {
		return nil, nil, usagef("--server: %w", err)
	}
	return c.WithToken(o.token.read), transport.CloseIdleConnections, nil
}

// asked turns an error of a request into the program's: what the server refuses
// is wrong usage, everything else means that nothing is known. Whoever may not ask is
// told what to do about it.
func (o *serverOptions) asked(err error) error {
	var refused *client.ProblemError
	var exit *exitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return err // it was not sent
	case errors.As(err, &refused) && refused.Status == http.StatusBadRequest:
		return usagef("%w", err)
	}
	if hint := o.token.hint(err); hint != "" {
		err = fmt.Errorf("%w; %s", err, hint)
	}
	return &exitError{code: exitInconclusive, err: err}
}

// registerScope registers the flags that say which alerts are meant.
func registerScope(flags *pflag.FlagSet, q *client.Query) {
	flags.StringVarP(&q.Namespace, "namespace", "n", "", "Kubernetes `namespace`, exact")
	flags.StringVar(&q.Pod, "pod", "", "pods, as a `glob`")
	flags.StringVar(&q.Rule, "rule", "", "Falco `rule`, exact")
	flags.StringVar(&q.Sensor, "sensor", "", "`hostname` of one Falco, exact")
	flags.StringVar(&q.Since, "since", "", "start of the window: `time` (RFC 3339, Unix) or how long ago (10m, 2d)")
	flags.StringVar(&q.Until, "until", "", "end of the window, likewise; `time` now if not given")
	flags.StringVar(&q.Severity, "severity", "", "least `priority` that counts, by Falco's names (default warning)")
}

// registerLimit registers the flag that says how many alerts to show.
func registerLimit(flags *pflag.FlagSet, q *client.Query) {
	flags.IntVar(&q.Limit, "limit", 0, "alerts to show at most; 0 is the server's default")
}

// registerPods registers the flags that name pods otherwise than by a glob.
func registerPods(flags *pflag.FlagSet, q *client.Query) {
	flags.StringVarP(&q.Selector, "selector", "l", "", "pods, as a label `selector`")
	flags.StringVar(&q.Owner, "owner", "", "pods of a workload, as `kind/name` (deployment/web)")
	flags.StringVar(&q.Hash, "hash", "", "pods of one revision, by the `hash` of their template")
	flags.StringVar(&q.VCluster, "vcluster", "", "pods of a virtual cluster in the namespace, as `name/namespace`")
}

// checkScope finds what the server would refuse before it is asked, so that
// wrong usage is told from a server that is away.
func checkScope(cmd *cobra.Command, q client.Query) error {
	for flag, value := range map[string]string{"since": q.Since, "until": q.Until} {
		if value == "" {
			continue
		}
		if _, err := parameter.ParseTime(value, time.Now()); err != nil {
			return usagef("--%s: %w", flag, err)
		}
	}
	if q.Severity != "" {
		if _, err := correlate.ParsePriority(q.Severity); err != nil {
			return usagef("--severity: %w", err)
		}
	}
	if q.Limit < 0 {
		return usagef("--limit: have %d, want a number above 0", q.Limit)
	}
	for _, flag := range []string{
		"namespace", "pod", "selector", "owner", "hash", "vcluster", "rule", "sensor", "since", "until", "severity", "id", "duration", "deadline", "digest", "state",
	} {
		// An empty value is a variable that was not set, and must not widen the
		// question.
		if f := cmd.Flags().Lookup(flag); f != nil && f.Changed && f.Value.String() == "" {
			return usagef("--%s is empty: give it a value or leave it out", flag)
		}
	}
	return nil
}

// parseDuration reads what flags read.
func parseDuration(s string) (time.Duration, error) {
	d, err := parameter.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("duration: %w", err)
	}
	return d, nil
}
