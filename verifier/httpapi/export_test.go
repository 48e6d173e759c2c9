package httpapi

// Paths are the routes of a server, method and path.
func (s *Server) Paths() (all []string) {
	for _, r := range s.table() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}
