package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"

	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/internal/listen"
	"github.com/falcogate/falcogate/internal/livefile"
	"github.com/falcogate/falcogate/verifier/access"
)

// Modes of --auth.
const (
	authAuto       = "auto"
	authNone       = "none"
	authToken      = "token"
	authMTLS       = "mtls"
	authKubernetes = "kubernetes"
)

// accessOptions say who may ask.
type accessOptions struct {
	mode      string
	anywhere  bool
	file      string
	clientCA  string
	audiences []string
	metrics   string // address
}

func (o *accessOptions) register(flags *pflag.FlagSet) {
	choiceFlag(flags, &o.mode, "auth", "", authAuto, []string{authAuto, authNone, authToken, authMTLS, authKubernetes},
		"how callers of the API are known; auto is none on loopback, and elsewhere must be chosen")
	flags.BoolVar(&o.anywhere, "auth-none-anywhere", false, "with --auth=none, answer whoever reaches --listen, also beyond this machine")
	flags.StringVar(&o.file, "auth-file", "", "YAML `file` of who may ask about what, for --auth=token and --auth=mtls; read again when it changes")
	flags.StringVar(&o.clientCA, "client-ca", "", "CA `file` of callers' certificates, for --auth=mtls")
	flags.StringArrayVar(&o.audiences, "auth-audience", []string{"falcogate"}, "`audience` that a token must have, for --auth=kubernetes; repeatable")
	flags.StringVar(&o.metrics, "metrics-listen", "", "`address` of metrics and health alone, where nobody is asked who they are; empty for none")
}

// resolved is the mode, where auto has been chosen for.
func (o *accessOptions) resolved(address string) string {
	if o.mode == authAuto && listen.Loopback(address) {
		return authNone
	}
	return o.mode
}

// check finds settings that contradict each other, and a listener that anybody could
// ask without its being said.
func (o *accessOptions) check(address, cert string) error {
	mode := o.resolved(address)
	byFile := mode == authToken || mode == authMTLS
	switch {
	case mode == authAuto:
		return usagef("--listen %s can be reached from beyond this machine, so say who may ask: --auth=kubernetes, --auth=token or --auth=mtls with --auth-file, "+
			"or --auth=none with --auth-none-anywhere for everybody", address)
	case o.anywhere && mode != authNone:
		return usagef("--auth-none-anywhere goes with --auth=none, not with --auth=%s", mode)
	case mode == authNone && !o.anywhere && !listen.Loopback(address):
		return usagef("--auth=none lets whoever reaches --listen %s read the alerts of all namespaces: choose another --auth, or say so with --auth-none-anywhere", address)
	case byFile && o.file == "":
		return usagef("--auth=%s needs --auth-file: who may ask about which namespaces", mode)
	case !byFile && o.file != "":
		return usagef("--auth-file goes with --auth=token and --auth=mtls, not with --auth=%s", mode)
	case mode == authMTLS && (o.clientCA == "" || cert == ""):
		return usagef("--auth=mtls needs --client-ca, --tls-cert and --tls-key")
	case mode != authMTLS && o.clientCA != "":
		return usagef("--client-ca goes with --auth=mtls, not with --auth=%s", mode)
	case mode == authKubernetes && (len(o.audiences) == 0 || slices.Contains(o.audiences, "")):
		return usagef("--auth-audience is empty: a token for any audience would be accepted")
	}
	if o.metrics != "" {
		if _, _, err := net.SplitHostPort(o.metrics); err != nil {
			return usagef("--metrics-listen %q: want host:port: %w", o.metrics, err)
		}
	}
	return nil
}

// apiTLS is the configuration of the API's listener. Certificates of callers are not
// required of all: health is everybody's.
func (o *serveOptions) apiTLS() (*tls.Config, error) {
	config, err := tlsFiles{cert: o.tlsCert, key: o.tlsKey, ca: o.access.clientCA}.server()
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	if o.access.clientCA != "" {
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return config, nil
}

// guard says who may ask. It is nil where nobody is asked, and the API listens on
// loopback alone.
func (p *parts) guard() (access.Guard, error) {
	o := &p.o.access
	switch mode := o.resolved(p.o.listen); mode {
	case authNone:
		if o.anywhere {
			return access.Open{}, nil
		}
		return nil, nil
	case authKubernetes:
		reviewer, err := p.newReviewer()
		if err != nil {
			return nil, fmt.Errorf("--auth=kubernetes: %w", err)
		}
		return access.NewReviewed(reviewer), nil
	default:
		file, err := livefile.Open(o.file, authFile(mode), p.files.told("auth-file"))
		if err != nil {
			return nil, fmt.Errorf("--auth-file: %w", err)
		}
		if mode == authMTLS {
			return access.NewCertificates(file.Current), nil
		}
		return access.NewTokens(file.Current), nil
	}
}

// authFile reads an auth file for a mode. One that names only callers of the other
// would let nobody in.
func authFile(mode string) func([]byte) (*access.File, error) {
	return func(data []byte) (*access.File, error) {
		f, err := access.Parse(data)
		if err != nil {
			return nil, err
		}
		tokens, certificates := f.Callers()
		switch {
		case mode == authToken && tokens == 0 && certificates > 0:
			return nil, fmt.Errorf("it names certificates (user, group) alone, and --auth is token: want callers with token or token_sha256")
		case mode == authMTLS && certificates == 0 && tokens > 0:
			return nil, fmt.Errorf("it names tokens alone, and --auth is mtls: want callers with user or group")
		}
		return f, nil
	}
}
