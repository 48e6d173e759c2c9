package httpapi

import "time"

// Paths are the routes of a server, method and path.
func (s *Server) Paths() (all []string) {
	for _, r := range s.table() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

// KeepAlive sets how often a stream of events has something to read at least. Call it
// before Start.
func (s *Server) KeepAlive(interval time.Duration) { s.interval = interval }
