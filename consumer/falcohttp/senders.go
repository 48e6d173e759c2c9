package falcohttp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/falcogate/falcogate/internal/bearer"
)

// Tokens are the bearer tokens that senders may show. They are not changed.
type Tokens struct{ digests []bearer.Digest }

// ParseTokens reads tokens, one a line; empty lines and lines that begin with # are
// left out. The error names the line and holds nothing of it.
func ParseTokens(data []byte) (*Tokens, error) {
	t := &Tokens{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		token := strings.TrimSpace(line)
		if token == "" || strings.HasPrefix(token, "#") {
			continue
		}
		if len(token) < bearer.MinSecret || !bearer.Valid(token) {
			return nil, fmt.Errorf("line %d: want a token of %d to %d letters, digits and -._~+/, with = at its end only, or a line that begins with #",
				n, bearer.MinSecret, bearer.MaxToken)
		}
		t.digests = append(t.digests, bearer.DigestOf(token))
	}
	if len(t.digests) == 0 {
		return nil, errors.New("want at least one token, have none")
	}
	return t, nil
}

// Len is how many there are.
func (t *Tokens) Len() int { return len(t.digests) }

// accepts reports whether a token is one of them.
func (t *Tokens) accepts(token string) bool { return bearer.Find(t.digests, token) >= 0 }

// asked reports whether these options let in only who shows something.
func (o *Options) asked() bool {
	return o.Tokens != nil || o.TLS != nil && o.TLS.ClientAuth == tls.RequireAndVerifyClientCert
}

// admits reports whether a request is from a sender who may send: with a verified
// certificate, which the listener may have asked for, or with a token.
func (s *Server) admits(r *http.Request) bool {
	if s.tokens == nil || r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return true // without tokens, who may not send does not get as far as here
	}
	token, err := bearer.FromHeader(r.Header.Values("Authorization"))
	return err == nil && s.tokens().accepts(token)
}

// turnAway answers who may not send. Nothing of what they sent is read, kept or
// logged.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request) {
	s.strangers.Do(func() {
		s.logger.Warn("turned away a sender without a token that is accepted here; Falco does not send again what was refused",
			slog.String("peer", r.RemoteAddr))
	})
	h := w.Header()
	h.Set("WWW-Authenticate", `Bearer realm="falcogate ingest"`)
	h.Set("Connection", "close")
	s.answerProblem(w, http.StatusUnauthorized,
		"want a bearer token of this listener's in the Authorization header (falcosidekick: webhook.customHeaders), or a client certificate where it asks for one")
}
