package falcohttp

import "log/slog"

// connectionErrors takes what net/http has to say: failed TLS handshakes above
// all, which are how a sender without a client certificate shows.
type connectionErrors struct{ s *Server }

func (c connectionErrors) Write(line []byte) (int, error) {
	c.s.metrics.connectionErrors.Inc()
	c.s.warn.Do(func() {
		c.s.logger.Warn("a connection to the ingest listener failed; alerts that it would have brought are lost",
			slog.String("error", string(line)))
	})
	return len(line), nil
}
