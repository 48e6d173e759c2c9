package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier/client"
)

// Who may ask and who may feed must be said wherever others can reach the listener,
// and what is said must make sense.
func TestWhoMayAskAndFeed(t *testing.T) {
	const here, all, node = "127.0.0.1:0", ":8080", "10.1.2.3:8080"
	for _, tt := range []struct {
		args []string
		want string // part of the error; empty for none
	}{
		{nil, ""},
		{[]string{"--listen", "localhost:8080"}, ""},
		{[]string{"--listen", "[::1]:8080"}, ""},
		{[]string{"--listen", all}, "so say who may ask: --auth=kubernetes"},
		{[]string{"--listen", node}, "so say who may ask"},
		{[]string{"--listen", "[::]:8080"}, "so say who may ask"},
		{[]string{"--listen", "falcogate.example:8080"}, "so say who may ask"},
		{[]string{"--listen", all, "--only", "consumer", "--nats-url", "nats://x"}, "so say who may ask"},

		{[]string{"--listen", here, "--auth", "none"}, ""},
		{[]string{"--listen", all, "--auth", "none"}, "choose another --auth, or say so with --auth-none-anywhere"},
		{[]string{"--listen", all, "--auth", "none", "--auth-none-anywhere"}, ""},
		{[]string{"--listen", here, "--auth", "none", "--auth-none-anywhere"}, ""},
		{[]string{"--listen", all, "--auth-none-anywhere"}, "so say who may ask"},
		{[]string{"--listen", all, "--auth", "kubernetes", "--auth-none-anywhere"}, "goes with --auth=none"},
		{[]string{"--auth", "none", "--auth-file", "f"}, "--auth-file goes with --auth=token and --auth=mtls, not with --auth=none"},
		{[]string{"--auth-file", "f"}, "--auth-file goes with"},

		{[]string{"--listen", all, "--auth", "token", "--auth-file", "f"}, ""},
		{[]string{"--auth", "token"}, "--auth=token needs --auth-file"},
		{[]string{"--auth", "token", "--auth-file", "f", "--client-ca", "ca"}, "--client-ca goes with --auth=mtls, not with --auth=token"},

		{[]string{"--listen", all, "--auth", "mtls", "--auth-file", "f", "--client-ca", "ca", "--tls-cert", "c", "--tls-key", "k"}, ""},
		{[]string{"--auth", "mtls", "--client-ca", "ca", "--tls-cert", "c", "--tls-key", "k"}, "--auth=mtls needs --auth-file"},
		{[]string{"--auth", "mtls", "--auth-file", "f", "--tls-cert", "c", "--tls-key", "k"}, "--auth=mtls needs --client-ca"},
		{[]string{"--auth", "mtls", "--auth-file", "f", "--client-ca", "ca"}, "--auth=mtls needs --client-ca, --tls-cert"},

		{[]string{"--listen", all, "--auth", "kubernetes"}, ""},
		{[]string{"--auth", "kubernetes", "--auth-audience", ""}, "--auth-audience is empty"},
		{[]string{"--auth", "kubernetes", "--auth-file", "f"}, "--auth-file goes with"},
		{[]string{"--auth", "password"}, "want one of auto, none, token, mtls, kubernetes"},
		{[]string{"--metrics-listen", ":9090"}, ""},
		{[]string{"--metrics-listen", "9090"}, "--metrics-listen"},

		{[]string{"--ingest-listen", "localhost:2801"}, ""},
		{[]string{"--ingest-listen", ""}, ""},
		{[]string{"--ingest-listen", ":2801"}, "could forge alerts and heartbeats: give --ingest-client-ca"},
		{[]string{"--ingest-listen", node}, "could forge alerts"},
		{[]string{"--ingest-listen", node, "--ingest-tls-cert", "c", "--ingest-tls-key", "k"}, "could forge alerts"},
		{[]string{"--ingest-listen", node, "--ingest-tls-cert", "c", "--ingest-tls-key", "k", "--ingest-client-ca", "ca"}, ""},
		{[]string{"--ingest-listen", node, "--ingest-token-file", "f"}, ""},
		{[]string{"--ingest-listen", node, "--ingest-open"}, ""},
		{[]string{"--ingest-listen", here, "--ingest-open"}, ""},
		{[]string{"--ingest-listen", here, "--ingest-open", "--ingest-token-file", "f"}, "--ingest-open goes with neither"},
		{[]string{"--ingest-listen", node, "--ingest-open", "--ingest-tls-cert", "c", "--ingest-tls-key", "k", "--ingest-client-ca", "ca"}, "--ingest-open goes with neither"},
		{[]string{"--only", "verifier", "--nats-url", "nats://x", "--ingest-listen", node}, ""},
		{[]string{"--only", "consumer", "--nats-url", "nats://x", "--ingest-listen", node}, "could forge alerts"},
	} {
		var o serveOptions
		cmd := newServeCommand(nil, stdio{})
		cmd.ResetFlags()
		o.register(cmd.Flags())
		err := cmd.ParseFlags(tt.args)
		if err == nil {
			err = o.check()
			var exit *exitError
			if errors.As(err, &exit) {
				require.Equal(t, exitUsage, exit.code)
			}
		}
		if tt.want == "" {
			require.NoError(t, err, tt.args)
		} else {
			require.ErrorContains(t, err, tt.want, tt.args)
		}
	}
}

// Each way to be refused has a hint that fits what was sent.
func TestHints(t *testing.T) {
	refused := func(status int) error {
		return &client.ProblemError{Status: status}
	}
	for _, tt := range []struct {
		source tokenSource
		err    error
		want   string
	}{
		{tokenSource{}, refused(401), "no token was sent: give --token-file"},
		{tokenSource{file: "f"}, refused(401), "the token in f was sent"},
		{tokenSource{file: "f", account: true}, refused(401), "the pod's token for the API server was sent"},
		{tokenSource{kept: true}, refused(401), "does not go over http"},
		{tokenSource{cert: "c.crt"}, refused(401), "the certificate in c.crt"},
		{tokenSource{file: "f"}, refused(403), "have it allowed"},
		{tokenSource{}, refused(404), ""},
		{tokenSource{}, refused(503), ""},
		{tokenSource{}, errors.New("connection refused"), ""},
	} {
		hint := tt.source.hint(tt.err)
		if tt.want == "" {
			require.Empty(t, hint)
		} else {
			require.Contains(t, hint, tt.want)
		}
	}
}
