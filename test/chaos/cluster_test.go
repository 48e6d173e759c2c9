package chaos

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

const size = 3 // servers, and replicas

// site is all that runs: NATS servers, falcogates, and the links between them.
type site struct {
	dir      string
	servers  [size]*process
	replicas [size]*process
	routes   [size][size]*link // from server to server
	clients  [size][size]*link // from replica to server
	direct   [size]string      // the servers' own addresses
	apis     [size]string      // the replicas' addresses
	ingests  [size]string      // where they take alerts
}

// freeAddr is an address that nobody listens on. Processes that are started again keep
// theirs, so it can't be left to them.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func newSite(dir, falcogate string) (s *site, err error) {
	s = &site{dir: dir}
	var ports [size]string
	for i := range size {
		for _, addr := range []*string{&s.direct[i], &ports[i], &s.apis[i], &s.ingests[i]} {
			if *addr, err = freeAddr(); err != nil {
				return nil, err
			}
		}
	}
	for i := range size {
		for j := range size {
			if s.routes[i][j], err = newLink(ports[j]); err != nil {
				return nil, err
			}
			if s.clients[i][j], err = newLink(s.direct[j]); err != nil {
				return nil, err
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for i := range size {
		config := filepath.Join(dir, fmt.Sprintf("nats-%d.conf", i))
		if err := os.WriteFile(config, []byte(s.serverConfig(i, ports[i])), 0o600); err != nil {
			return nil, err
		}
		s.servers[i] = newProcess(dir, fmt.Sprint("nats-", i), self, []string{asNATSServer + "=1"}, "-c", config)
		var urls []string
		for j := range size {
			urls = append(urls, "nats://"+s.clients[i][j].addr())
		}
		s.replicas[i] = newProcess(dir, fmt.Sprint("falcogate-", i), falcogate, nil, "serve", "--log-format", "json",
			"--nats-url", strings.Join(urls, ","), "--nats-replicas", fmt.Sprint(size), "--retention-bytes", "1GiB",
			"--listen", s.apis[i], "--ingest-listen", s.ingests[i])
		for _, name := range sensors {
			s.replicas[i].args = append(s.replicas[i].args, "--sensor", name)
		}
	}
	return s, nil
}

// serverConfig is that of a NATS server. No server tells others or clients of addresses:
// all that goes between processes goes over links.
func (s *site) serverConfig(i int, routesAddr string) string {
	var routes []string
	for j := range size {
		if j != i {
			routes = append(routes, fmt.Sprintf("%q", "nats://"+s.routes[i][j].addr()))
		}
	}
	return fmt.Sprintf(`
server_name: n%d
listen: %q
jetstream { store_dir: %q, max_mem: 64MB, max_file: 4GB, sync_interval: always }
cluster { name: chaos, listen: %q, no_advertise: true, routes: [%s], ping_interval: "2s" }
ping_interval: "2s"
`, i, s.direct[i], filepath.Join(s.dir, fmt.Sprint("store-", i)), routesAddr, strings.Join(routes, ", "))
}

// processes are all of them.
func (s *site) processes() []*process {
	return append(append([]*process{}, s.servers[:]...), s.replicas[:]...)
}

// serverLinks are the links that a server hangs on, routeLinks those of them to the other
// servers, and replicaLinks those of a replica.
func (s *site) serverLinks(i int) (links []*link) {
	links = s.routeLinks(i)
	for j := range size {
		links = append(links, s.clients[j][i])
	}
	return links
}

func (s *site) routeLinks(i int) (links []*link) { // see serverLinks
	for j := range size {
		links = append(links, s.routes[i][j], s.routes[j][i])
	}
	return links
}

func (s *site) replicaLinks(i int) []*link { return s.clients[i][:] } // see serverLinks

// end ends all processes and links.
func (s *site) end() (err error) {
	for _, p := range s.processes() {
		if failed := p.kill(); err == nil {
			err = failed
		}
	}
	for i := range size {
		for j := range size {
			s.routes[i][j].close()
			s.clients[i][j].close()
		}
	}
	return err
}
