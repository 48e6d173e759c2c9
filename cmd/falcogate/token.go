package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/falcogate/falcogate/internal/bearer"
	"github.com/falcogate/falcogate/verifier/client"
)

// podTokens are the files in which a pod finds tokens of its service account.
type podTokens struct {
	// projected is one for falcogate alone, which the pod's spec mounts there.
	projected string
	// account is the one that every pod has, unless its spec says no. The API server
	// takes it as well: whoever got hold of it could act as the pod there.
	account string
}

// inPod are those of the pod that we run in, if it is one.
var inPod = podTokens{
	projected: "/var/run/secrets/falcogate.dev/serviceaccount/token",
	account:   "/var/run/secrets/kubernetes.io/serviceaccount/token",
}

// tokenSource says which token goes with a request: none with the zero value.
type tokenSource struct {
	file    string
	account bool // it is the pod's token for the API server
	// kept is true when there is such a token and it was not sent, because it would
	// have gone in clear.
	kept bool
	cert string // a client certificate stands in for a token
}

// tokenSource chooses the token for the server: the one that was given, else, unless
// a client certificate says who asks, the pod's own.
func (o *serverOptions) tokenSource() tokenSource {
	switch {
	case o.tokenFile != "":
		return tokenSource{file: o.tokenFile}
	case o.tls.cert != "":
		return tokenSource{cert: o.tls.cert}
	case isThere(inPod.projected):
		return tokenSource{file: inPod.projected}
	case !isThere(inPod.account):
		return tokenSource{}
	}
	if u, err := url.Parse(o.url); err == nil && u.Scheme == "https" {
		return tokenSource{file: inPod.account, account: true}
	}
	return tokenSource{kept: true}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// read reads the token, anew each time: the kubelet renews it. The error holds nothing
// of what the file does.
func (s tokenSource) read() (string, error) {
	if s.file == "" {
		return "", nil
	}
	f, err := os.Open(s.file)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, 2*bearer.MaxToken))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if !bearer.Valid(token) {
		return "", fmt.Errorf("token file %s: want one bearer token: letters, digits and -._~+/, at most %d of them", s.file, bearer.MaxToken)
	}
	return token, nil
}

// hint says what to do about an answer that the caller may not ask, or nothing.
func (s tokenSource) hint(err error) string {
	var refused *client.ProblemError
	if !errors.As(err, &refused) {
		return ""
	}
	switch {
	case refused.Status == http.StatusForbidden:
		return "have it allowed where falcogate runs (docs/access.md)"
	case refused.Status != http.StatusUnauthorized:
		return ""
	case s.kept:
		return "no token was sent: the pod's own would be good for the API server too and does not go over http; " +
			"mount one with the audience falcogate at " + inPod.projected + ", or ask over https"
	case s.account:
		return "the pod's token for the API server was sent; mount one with the audience falcogate at " + inPod.projected
	case s.cert != "":
		return "the certificate in " + s.cert + " does not count there: is it of a CA that falcogate trusts (serve --client-ca), and does it go by certificates (--auth=mtls)?"
	case s.file != "":
		return "the token in " + s.file + " was sent: is it the right one, not expired, and for the audience that falcogate wants?"
	}
	return "no token was sent: give --token-file, or --client-cert and --client-key"
}
